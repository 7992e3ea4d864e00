/**
 * Attack: a client opens as many connections and sends as many concurrent requests as it can, on one
 * connection or many.
 * Amplifier: all clients share sockets, memory and the connection pool to the CMS, so one client can cause an
 * outage for all.
 * Defence: limits on connections, on requests per connection, and on requests in flight per user and in all.
 * A request over a limit gets a defined response at once. Every slot is released, also when the client
 * disconnects.
 */
import { once } from "node:events";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, says, startFaultyLine } from "../support/faults.ts";
import type { TestGateway } from "../support/gateway.ts";
import { rawConnect, rawExchange, rawRequest, type RawClient } from "../support/raw.ts";
import { startStillGateway } from "../support/still-gateway.ts";
import { until } from "../support/until.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

const AUTH = `Authorization: users API-Key ${cms.keys.partnerA}`;
const POSTS = "/partners/2026-02/tenant-a/posts";

/** More bytes than the kernel's buffers of one connection hold. */
const LARGE = 20_000_000;

async function startLimited(t: Test, settings: Record<string, unknown>): Promise<TestGateway> {
  const limited = await startStillGateway(line.url, { partners: { collections: ["posts"] }, ...settings });
  t.teardown(() => limited.stop());
  return limited;
}

function get(of: TestGateway, key: "partnerA" | "partnerAC" = "partnerA"): Promise<Response> {
  return fetch(`${of.url}${POSTS}?limit=1`, { headers: { authorization: `users API-Key ${cms.keys[key]}` } });
}

t.test(
  "serves a limited number of requests on one connection, and the last response closes it",
  async (t) => {
    const limited = await startLimited(t, { server: { maxRequestsPerConnection: 3 } });
    const request = rawRequest([`GET ${POSTS}/1 HTTP/1.1`, "Host: h", AUTH]);
    const answer = await rawExchange(limited.port, request.repeat(5));
    t.equal(answer.match(/HTTP\/1\.1 200/g)?.length, 3);
    t.equal(answer.match(/\r\nconnection: close\r\n/gi)?.length, 1);
  },
);

t.test("closes connections over the limit at once, and accepts new ones when some have closed", async (t) => {
  const limited = await startLimited(t, { server: { maxConnections: 5 } });
  const five = await Promise.all(Array.from({ length: 5 }, () => rawConnect(limited.port)));
  for (const client of five) {
    client.send(rawRequest([`GET ${POSTS}/1 HTTP/1.1`, "Host: h", AUTH]));
    await client.until(/\r\n\r\n\{/);
  }
  t.equal((await (await rawConnect(limited.port)).end()).text, "");
  five[0]?.socket.destroy();
  await five[0]?.end();
  const served = await until("the freed connection to be counted", () =>
    get(limited).then(
      ({ status }) => status,
      () => undefined,
    ),
  );
  t.equal(served, 200);
  for (const client of five) client.socket.destroy();
});

t.test("limits one user's requests in flight (429) without using another user's slots", async (t) => {
  const limited = await startLimited(t, { limits: { inFlightPerKey: 3 } });
  const held = await hold(limited, 3);
  const answer = await get(limited);
  t.equal(answer.status, 429);
  t.equal(answer.headers.get("retry-after"), "1");
  t.match(await answer.json(), { error: "Too Many Requests", requestId: String });
  t.equal((await get(limited, "partnerAC")).status, 200);
  for (const client of held) client.send("}");
  for (const client of held)
    t.match(await client.until(/\}\}$|Continue\r\n\r\n[^]*\r\n\r\n\{/), /^HTTP\/1\.1 201 /);
  t.equal((await get(limited)).status, 200, "the slot is released");
  for (const client of held) client.socket.destroy();
});

t.test("limits the requests in flight of all users (503)", async (t) => {
  const limited = await startLimited(t, { limits: { inFlight: 3 } });
  const held = await hold(limited, 3);
  const answer = await get(limited, "partnerAC");
  t.equal(answer.status, 503);
  t.equal(answer.headers.get("retry-after"), "1");
  for (const client of held) client.socket.destroy();
  await until("the slots of the disconnected clients", async () => (await get(limited)).status === 200);
});

t.test("a response that its client does not read keeps both the user's slot and the gateway's", async (t) => {
  const text = "x".repeat(LARGE);
  line.stage(
    says(answerOf("200 OK", JSON.stringify({ docs: [{ id: 1, tenant: 1, text }], totalDocs: 1 }))),
    /^GET \/api\/posts\?[^]*limit=100&/,
  );
  t.teardown(() => line.heal());
  for (const [limits, status, other] of [
    [{ inFlightPerKey: 2, unsentPerKey: "1GiB" }, 429, 200],
    [{ inFlight: 2, unsentPerKey: "1GiB" }, 503, 503],
  ] as const) {
    const limited = await startLimited(t, {
      limits,
      upstream: { maxAnswer: "64MiB" },
      // The gateway must not cut off a paused reader.
      server: { idleTimeout: "1h" },
    });
    const readers = [await beginReading(limited), await beginReading(limited)];
    t.equal((await get(limited)).status, status);
    t.equal((await get(limited, "partnerAC")).status, other);
    readers[0]?.socket.resume();
    t.match((await readers[0]?.end())?.text, /\}$/, "the response is complete");
    t.equal((await get(limited)).status, 200, "the slot is released");
    readers[1]?.socket.destroy();
  }
});

/** Requests a large response and reads only its beginning. */
async function beginReading(of: TestGateway): Promise<RawClient> {
  const client = await rawConnect(of.port);
  const begun = once(client.socket, "data");
  client.socket.once("data", () => client.socket.pause());
  const line = `GET ${POSTS}?limit=100&depth=0 HTTP/1.1`;
  client.send(rawRequest([line, "Host: h", AUTH, "Connection: close"]));
  await begun;
  return client;
}

/** Sends `n` writes whose bodies lack their last byte. They are in flight when this resolves. */
async function hold(of: TestGateway, n: number) {
  t.equal((await get(of)).status, 200);
  const body = '{"title":"held"';
  const request = [
    `POST ${POSTS} HTTP/1.1`,
    "Host: h",
    AUTH,
    "Expect: 100-continue",
    `Content-Length: ${body.length + 1}`,
  ];
  const clients = await Promise.all(Array.from({ length: n }, () => rawConnect(of.port)));
  for (const client of clients) {
    client.send(rawRequest(request));
    await client.until(/100 Continue/);
    client.send(body);
  }
  return clients.map((client) => ({
    ...client,
    until: (pattern: RegExp) =>
      client.until(pattern).then((text) => text.replace(/^[^]*?100 Continue\r\n\r\n/, "")),
  }));
}
