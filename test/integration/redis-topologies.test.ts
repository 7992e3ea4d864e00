import { type ChildProcess, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Redis } from "ioredis";
import tap, { type Test } from "tap";

import { startCms } from "../support/cms/server.ts";
import { readPosts } from "../support/partner.ts";
import { startProgram } from "../support/program.ts";
import { freePort, runRedisServer, spawnRedis } from "../support/redis.ts";
import {
  administrator,
  judge,
  KEY,
  PATIENT,
  pause,
  purge,
  sharing,
  untilRedis,
  USER,
} from "../support/revocation.ts";

// Redis as operators run it. These start several redis-servers of their own, which no container runtime is asked for.
tap.setTimeout(180_000);
const cms = await startCms({ record: false });
const dir = await mkdtemp(join(tmpdir(), "gateway-redis-"));
const servers: ChildProcess[] = [];
tap.teardown(async () => {
  for (const server of servers) server.kill("SIGKILL");
  await cms.close();
  await rm(dir, { recursive: true, force: true });
});

/** A server on a port of its own. */
async function server(
  args: readonly string[] = [],
): Promise<{ port: number; child: ChildProcess; redis: Redis }> {
  const port = await freePort();
  const child = await runRedisServer(port, args, dir);
  servers.push(child);
  const redis = new Redis({ port, retryStrategy: () => 50, lazyConnect: true });
  redis.on("error", () => undefined);
  tap.teardown(() => redis.disconnect());
  return { port, child, redis };
}

/** Two gateways that share what they know, and a withdrawal at one that the other obeys. */
async function replicas(t: Test, redis: Record<string, unknown>, env: Record<string, string> = {}) {
  const { REDIS_URL: _, ...secrets } = sharing("");
  const start = () =>
    startProgram(cms.url, {
      settings: { redis: { ...PATIENT, ...redis }, rate: { enabled: true, reads: 10_000 } },
      env: { ...secrets, ...env },
    });
  const [one, two] = await Promise.all([start(), start()]);
  t.teardown(() => Promise.all([one.stop(), two.stop()]));
  const startAnother = async (): Promise<void> => {
    const three = await start();
    await untilRedis(three, "ok");
    await three.stop();
  };
  const works = async (when: string): Promise<void> => {
    for (const gateway of [one, two]) await untilRedis(gateway, "ok");
    await cms.reset();
    t.match(
      await (await purge(one, { all: true })).json(),
      { peers: 1, acknowledged: 1, complete: true },
      when,
    );
    for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good", when);
    await (await administrator(one)).write("PATCH", USER, { enableAPIKey: false });
    for (const gateway of [two, one]) t.equal(await judge(gateway, KEY), "refused", when);
    await cms.reset();
    await purge(one, { all: true });
    for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good", when);
    const counted = await readPosts(one, "partnerA");
    t.match(counted.headers.get("ratelimit"), /^"reads";r=\d+;t=\d+$/, `${when}: requests are counted`);
    await counted.arrayBuffer();
  };
  return { one, two, works, startAnother };
}

await tap.test("Sentinel: the master is found, and its successor after its death", async (t) => {
  const master = await server();
  const successor = await server(["--replicaof", "127.0.0.1", String(master.port)]);
  const port = await freePort();
  const file = join(dir, "sentinel.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${dir}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    "sentinel down-after-milliseconds main 500",
    "sentinel failover-timeout main 2000",
  ];
  await writeFile(file, lines.join("\n"));
  servers.push(await spawnRedis([file, "--sentinel"]));
  const { works } = await replicas(t, { sentinels: [`127.0.0.1:${port}`], master: "main" });
  await works("by Sentinel");
  t.ok((await master.redis.keys("{partners-gateway}:keys:*")).length > 0, "it is the master that holds them");
  const sentinel = new Redis({ port });
  t.teardown(() => sentinel.disconnect());
  // Not before Sentinel knows the successor.
  while ((await sentinel.call("SENTINEL", "REPLICAS", "main").then(String)) === "") await pause(100);
  master.child.kill("SIGKILL");
  await once(master.child, "exit");
  while (!(await successor.redis.info("replication")).includes("role:master")) await pause(100);
  await works("after the failover");
  t.ok((await successor.redis.keys("{partners-gateway}:keys:*")).length > 0, "the successor holds them now");
});

await tap.test("Cluster: whichever node has our slot", async (t) => {
  const nodes = [];
  for (const n of [0, 1, 2]) {
    const options = [
      "--cluster-enabled",
      "yes",
      "--cluster-config-file",
      `nodes-${n}.conf`,
      "--cluster-node-timeout",
      "1000",
    ];
    nodes.push(await server(options));
  }
  const [first] = nodes;
  if (first === undefined) return;
  for (const [n, { redis }] of nodes.entries()) {
    const from = n * 5_500;
    await redis.call("CLUSTER", "ADDSLOTSRANGE", from, Math.min(from + 5_499, 16_383));
    if (n > 0) await redis.call("CLUSTER", "MEET", "127.0.0.1", first.port);
  }
  for (const { redis } of nodes)
    while (!String(await redis.call("CLUSTER", "INFO")).includes("cluster_state:ok")) await pause(100);
  const cluster = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const { one, two, works, startAnother } = await replicas(t, { cluster });
  await works("by Cluster");
  const holding = [];
  for (const node of nodes)
    if ((await node.redis.keys("{partners-gateway}:*").catch(() => [])).length > 0) holding.push(node);
  t.equal(holding.length, 1, "one hash tag, one slot, one node");
  const [holder] = holding;
  if (holder === undefined) return;
  t.equal((await holder.redis.keys("*:epoch:keys")).length, 1);
  await startAnother();
  t.strictSame(await holder.redis.keys("*:epoch:keys"), [], "who starts believes nothing that is there");
  const index = nodes.indexOf(holder);
  holder.child.kill("SIGKILL");
  await once(holder.child, "exit");
  for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good", "without that node");
  const options = [
    "--cluster-enabled",
    "yes",
    "--cluster-config-file",
    `nodes-${index}.conf`,
    "--cluster-node-timeout",
    "1000",
  ];
  servers.push(await runRedisServer(holder.port, options, dir));
  await works("after the node has come back");
});

await tap.test("TLS, an ACL user with no more than it needs, and a prefix", async (t) => {
  const [key, certificate] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const made = spawnSync("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    certificate,
    ...subject,
  ]);
  t.equal(made.status, 0, "openssl, which this test needs on PATH, has made a certificate");
  const port = await freePort();
  const tls = [
    "--tls-port",
    String(port),
    "--tls-cert-file",
    certificate,
    "--tls-key-file",
    key,
    "--tls-ca-cert-file",
    certificate,
    "--tls-auth-clients",
    "no",
  ];
  const { redis } = await server(tls);
  const rights = [
    "~{of-staging}*",
    "&{of-staging}*",
    "-@all",
    "+mget",
    "+pttl",
    "+set",
    "+del",
    "+publish",
    "+subscribe",
    "+hello",
    "+auth",
    "+ping",
    "+info",
    "+client",
    // With rate limits: the script, and what it does.
    "+evalsha",
    "+eval",
    "+time",
    "+lindex",
    "+rpop",
    "+llen",
    "+lpush",
    "+pexpire",
  ];
  await redis.call("ACL", "SETUSER", "gateway", "on", ">p@ss", ...rights);
  await redis.call("ACL", "SETUSER", "default", "resetpass", ">others");
  const url = `rediss://gateway:${encodeURIComponent("p@ss")}@localhost:${port}`;
  const trust = { NODE_EXTRA_CA_CERTS: certificate };
  const { works } = await replicas(t, { prefix: "of-staging" }, { ...trust, REDIS_URL: url });
  await works("over TLS");
  await redis.auth("others");
  const names = await redis.keys("*");
  t.ok(names.length > 0, "something is in it");
  t.strictSame(
    names.filter((name) => !name.startsWith("{of-staging}:")),
    [],
  );
  const apart = {
    url: `rediss://localhost:${port}`,
    username: "gateway",
    password: "p@ss",
    prefix: "of-staging",
  };
  await (await replicas(t, apart, trust)).one.stop();
});
