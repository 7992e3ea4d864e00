import { connect, createServer } from "node:net";
import { once } from "node:events";
import t from "tap";
import { systemClock, wallTime } from "../../src/app/clock.ts";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createSilentLog } from "../../src/observe/log.ts";
import { startCms } from "../support/cms/server.ts";
import { startFaultyLine, type FaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";

/**
 * The remains of a stopped gateway: connections that it should close, resources that keep a process alive.
 */

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

/** Begins an answer of six bytes and resolves with the function that ends it. */
function stageHalf(of: FaultyLine): Promise<() => void> {
  return new Promise((resolve) => {
    of.stage(({ gateway }) => {
      gateway.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhal");
      resolve(() => void gateway.write("ves"));
    }, /^GET \/admin/);
  });
}

t.test(
  "a connection whose answer began before the drain closes after the answer, and does not delay the drain",
  async (t) => {
    const gateway = await startTestGateway(line.url, { server: { drainTimeout: "1h" } });
    t.teardown(() => line.heal());
    const half = stageHalf(line);
    const client = await rawConnect(gateway.port);
    client.send(rawRequest(["GET /admin HTTP/1.1", "Host: h"]));
    t.match(await client.until(/hal$/), /connection: keep-alive/i, "the drain had not begun");
    const stopped = gateway.stop();
    (await half)();
    t.match(await client.end(), { text: /halves$/, reset: false });
    await inTime(stopped, () => "the end of the drain");
  },
);

t.test("a request in flight when the drain begins is answered with Connection: close", async (t) => {
  const gateway = await startTestGateway(line.url, { server: { drainTimeout: "1h" } });
  t.teardown(() => line.heal());
  const before = line.asked.length;
  let answer = (): void => undefined;
  line.stage(({ gateway: end }) => {
    answer = () => void end.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  }, /^GET \/admin/);
  const client = await rawConnect(gateway.port);
  client.send(rawRequest(["GET /admin HTTP/1.1", "Host: h"]));
  await until("the request at the CMS", () => line.asked.slice(before).includes("GET /admin HTTP/1.1"));
  const stopped = gateway.stop();
  answer();
  t.match(await client.end(), { text: /connection: close[^]*ok$/i, reset: false });
  await inTime(stopped, () => "the end of the drain");
});

t.test("a request that arrives during the drain is served, a partner's and a native one alike", async (t) => {
  const gateway = await startTestGateway(line.url, { server: { drainTimeout: "1h" } });
  const key = `Authorization: users API-Key ${cms.keys.partnerA}`;
  const requests = [
    ["GET /partners/2026-02/tenant-a/posts?limit=1 HTTP/1.1", "Host: h", key],
    ["GET /admin HTTP/1.1", "Host: h"],
  ];
  // Each connection has received part of a request, and so is not idle.
  const clients = await Promise.all(
    requests.map(async (lines) => {
      const client = await rawConnect(gateway.port);
      const whole = rawRequest(lines);
      client.send(whole.slice(0, 5));
      return { client, rest: whole.slice(5) };
    }),
  );
  await fetch(`${gateway.url}/admin`);
  const stopped = gateway.stop();
  await until("the end of listening", () => isRefused(gateway.port));
  for (const { client, rest } of clients) {
    client.send(rest);
    t.match(await client.end(), { text: /^HTTP\/1\.1 200 /, reset: false });
  }
  await inTime(stopped, () => "the end of the drain");
});

t.test("a gateway that stopped or failed to start leaves no server and no timer behind", async (t) => {
  const redis = { url: `redis://127.0.0.1:${await freePort()}` };
  await onlyServers(2, "the CMS and the line to it");
  const gateway = await startTestGateway(cms.url, { redis });
  t.equal((await fetch(`${gateway.url}/admin`)).status, 200);
  await gateway.stop();
  t.ok(await onlyServers(2, "stopped"));

  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await onlyServers(3, "one whose port is taken");
  for (const ports of [{ PORT: `${port}` }, { ADMIN_PORT: `${port}` }]) {
    const env = {
      UPSTREAM_URL: cms.url,
      REDIS_URL: redis.url,
      HOST: "127.0.0.1",
      PORT: "0",
      ADMIN_PORT: "0",
    };
    const config = loadConfig({ env: { ...env, ...ports }, readFile: () => "" });
    const log = createSilentLog();
    await t.rejects(startGateway(config, { clock: systemClock, wallTime, log }), { code: "EADDRINUSE" });
    t.ok(await onlyServers(3, `a start that failed, ${JSON.stringify(ports)}`));
  }
  taken.close();
});

/** Resolves with true if the port refuses connections. */
async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}

/**
 * Resolves when `count` servers and no timer keep this process alive. Connections are not counted, since
 * `fetch` and the CMS open and close theirs at any time.
 */
function onlyServers(count: number, what: string): Promise<true> {
  return until(`${count} servers and no timer: ${what}`, () => {
    const now = process.getActiveResourcesInfo();
    return !now.includes("Timeout") && now.filter((kind) => kind === "TCPServerWrap").length === count;
  });
}
