import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import tap, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { freePort } from "../support/free-port.ts";
import { spawnRedis } from "../support/redis.ts";
import { untilRedis } from "../support/revocation.ts";
import { breakOff, redisFolder, redisServer, startGateways } from "../support/topology.ts";
import { until } from "../support/until.ts";

// Redis as operators run it, except as a Cluster: see redis-cluster.test.ts.
const cms = await startCms({ record: false });
tap.teardown(() => cms.close());
const dir = await redisFolder(tap);

/** Starts a Sentinel that watches one master and ends with the test. */
async function startSentinel(t: Test, masterPort: number): Promise<{ port: number; redis: Redis }> {
  const port = await freePort();
  const file = join(dir, "sentinel.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${dir}`,
    `sentinel monitor main 127.0.0.1 ${masterPort} 1`,
    // The test itself decides when the master is down: a slow machine must not count as down.
    "sentinel down-after-milliseconds main 600000",
    "sentinel failover-timeout main 2000",
  ];
  await writeFile(file, lines.join("\n"));
  const child = await spawnRedis([file, "--sentinel"]);
  const redis = new Redis({ port, maxRetriesPerRequest: null });
  t.teardown(() => {
    redis.disconnect();
    child.kill("SIGKILL");
  });
  return { port, redis };
}

await tap.test("Sentinel: the gateways find the master, and its successor after a failover", async (t) => {
  const master = await redisServer(t, dir);
  const successor = await redisServer(t, dir, ["--replicaof", "127.0.0.1", String(master.port)]);
  const sentinel = await startSentinel(t, master.port);
  const settings = { sentinels: [`127.0.0.1:${sentinel.port}`], master: "main" };
  const { works } = await startGateways(t, cms, { settings });
  await breakOff(master.redis);
  await works(t, "by Sentinel");
  t.ok((await master.redis.keys("{partners-gateway}:keys:*")).length > 0, "the master holds them");
  // The failover needs a Sentinel that knows the successor.
  await until("Sentinel to know the successor", async () => {
    const replicas = String(await sentinel.redis.call("SENTINEL", "REPLICAS", "main"));
    return replicas.includes(String(successor.port)) && replicas.includes("master-link-status,ok");
  });
  master.child.kill("SIGKILL");
  await once(master.child, "exit");
  await until("Sentinel to fail over", async () => {
    await sentinel.redis.call("SENTINEL", "FAILOVER", "main").catch(() => undefined);
    return (await successor.redis.info("replication")).includes("role:master");
  });
  await works(t, "after the failover");
  t.ok((await successor.redis.keys("{partners-gateway}:keys:*")).length > 0, "the successor holds them now");
});

await tap.test("the gateways use Redis over TLS, with a minimal ACL user and a prefix", async (t) => {
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
  t.equal(made.status, 0, "openssl, which this test needs on PATH, has created a certificate");
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
  const { redis } = await redisServer(t, dir, tls);
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
    // With rate limits: the script and the commands that it runs.
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
  const settings = { prefix: "of-staging" };
  const place = { settings, env: { ...trust, REDIS_URL: url } };
  const { works } = await startGateways(t, cms, place);
  await redis.auth("others");
  await breakOff(redis);
  await works(t, "over TLS");
  const names = await redis.keys("*");
  t.ok(names.length > 0, "the gateways have written records");
  t.strictSame(
    names.filter((name) => !name.startsWith("{of-staging}:")),
    [],
  );
  const apart = {
    ...settings,
    url: `rediss://localhost:${port}`,
    username: "gateway",
    password: "p@ss",
  };
  const others = await startGateways(t, cms, { settings: apart, env: trust });
  // The gateways that were there before acknowledge these.
  for (const gateway of [others.one, others.two]) await untilRedis(gateway, "ok");
});
