/**
 * Attack: clients that are slow on purpose or disconnect halfway: headers byte by byte, bodies that stop,
 * silence.
 * Amplifier: every resource held meanwhile. If a proxy takes an upstream connection at the first byte of a
 * body, as many slow clients as it has connections exhaust its pool.
 * Defence: timeouts for headers and for pauses within bodies. The gateway reads a partner's body whole before
 * it sends the request to the CMS. A client that disconnects cancels its request to the CMS.
 */
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { type OnWire, startFaultyLine } from "../support/faults.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { inTime, rawConnect, rawRequest, type RawClient } from "../support/raw.ts";
import { samplesOf } from "../support/scrape.ts";
import { closed, serverEnd } from "../support/server-end.ts";
import { startStillGateway } from "../support/still-gateway.ts";
import { until } from "../support/until.ts";

/** The longest pause within a body, in milliseconds. */
const PAUSE_MS = 10_000;
/** How long the gateway reads an unread body after its response (`server/respond.ts`), in milliseconds. */
const LINGER_MS = 2_000;

const cms = await startCms();
const line = await startFaultyLine(() => cms.port);
const SETTINGS = {
  partners: { collections: ["posts"], deadline: "1h" },
  server: { headersTimeout: "1h" },
  limits: { bodyPause: `${PAUSE_MS}ms`, inFlightPerKey: 1_000 },
  upstream: { connections: 2 },
};
const gateway = await startStillGateway(line.url, SETTINGS);
t.teardown(async () => {
  await gateway.stop();
  await line.close();
  await cms.close();
});

const authorization = `Authorization: users API-Key ${cms.keys.partnerA}`;
const HEAD = ["Host: h", authorization];
const POST = ["POST /partners/2026-02/tenant-a/posts HTTP/1.1", ...HEAD, "Expect: 100-continue"];
const GET = rawRequest(["GET /partners/2026-02/tenant-a/posts?limit=1 HTTP/1.1", ...HEAD]);
const STALLED =
  /^(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 400 Bad Request\r\n.*\r\nconnection: close\r\n.*"message":"Malformed request".*\}$/is;

function get(port = gateway.port): Promise<Response> {
  const headers = { authorization: `users API-Key ${cms.keys.partnerA}` };
  return fetch(`http://127.0.0.1:${port}/partners/2026-02/tenant-a/posts?limit=1`, { headers });
}

function connectMany(n: number, port = gateway.port): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: n }, () => rawConnect(port)));
}

t.test("50 clients with incomplete headers delay no other client", async (t) => {
  const slow = await connectMany(50);
  // A single write, so the gateway has read the beginning of the second request when it answers the first.
  for (const client of slow) client.send(`${GET}GET /partners/2026-02 HTTP/1.1\r\nHost: h\r\nX-Slow: `);
  await Promise.all(slow.map((client) => client.until(/^HTTP\/1\.1 200 [^]*\r\n\r\n\{/)));
  t.equal((await get()).status, 200);
  for (const client of slow) client.socket.destroy();
});

t.test(
  "answers incomplete headers with 400 and closes the connection, and closes a silent connection",
  async (t) => {
    const hasty = await startTestGateway(line.url, { server: { headersTimeout: "1s" } });
    t.teardown(() => hasty.stop());
    const [silent, ...slow] = await connectMany(50, hasty.port);
    for (const client of slow) client.send("GET /partners/2026-02 HTTP/1.1\r\nHost: h\r\nX-Slow: ");
    const ends = await Promise.all(slow.map((client) => client.end()));
    for (const { text } of ends) t.match(text, STALLED);
    t.match(
      hasty.lines().find(({ code }) => code === "request.stalled"),
      { status: 400 },
    );
    await silent?.end();
  },
);

t.test("200 bodies that stop use none of the two connections to the CMS", async (t) => {
  cms.takeRequests();
  const slow = await connectMany(200);
  for (const client of slow) client.send(rawRequest([...POST, "Content-Length: 100"]));
  // The gateway sends 100 Continue when it begins to read the body.
  await Promise.all(slow.map((client) => client.until(/100 Continue/)));
  for (const client of slow) client.send('{"title":');
  const load = await samplesOf(gateway, "gateway_load");
  t.match(load, { "of=requests": 200, "of=upstream_connections": 0, "of=upstream_waiting": 0 });
  for (let i = 0; i < 10; i++) t.equal((await get()).status, 200, "other requests are served meanwhile");
  gateway.clock.move(PAUSE_MS);
  await Promise.all(slow.map((client) => client.until(STALLED)));
  gateway.clock.move(LINGER_MS);
  await Promise.all(slow.map((client) => client.end()));
  t.notOk(
    cms.takeRequests().some(({ method }) => method === "POST"),
    "nothing was written",
  );
});

t.test("accepts a body with short pauses, however long it takes in all", async (t) => {
  const body = '{"title":"slow but honest"}';
  const client = await rawConnect(gateway.port);
  const end = await serverEnd(client);
  client.send(rawRequest([...POST, `Content-Length: ${body.length}`, "Connection: close"]));
  await client.until(/100 Continue/);
  for (const byte of body) {
    gateway.clock.move(PAUSE_MS - 1);
    const before = end.bytesRead;
    client.send(byte);
    await until("the gateway to read the byte", () => end.bytesRead > before);
  }
  t.match((await client.end()).text, /\r\n\r\nHTTP\/1\.1 201 /);
});

t.test("a client that disconnects cancels its request to the CMS", async (t) => {
  const held = hold(t, /^GET \/api\/posts\?/);
  const leaving = await rawConnect(gateway.port);
  leaving.send(GET);
  const { gateway: connection } = await held.first;
  const gone = closed(connection);
  leaving.socket.destroy();
  await inTime(gone, () => "the connection to the CMS to close");
  t.match(await lineOf(gateway, "request.stalled", "forward"), { status: 400 });
});

t.test(
  "if the first client of a shared lookup disconnects, the others still get their responses",
  async (t) => {
    const fresh = await startStillGateway(line.url, SETTINGS);
    t.teardown(() => fresh.stop());
    const held = hold(t, new RegExp(`^GET /api/users/me[^]*${cms.keys.partnerA}`));
    const first = await rawConnect(fresh.port);
    first.send(GET);
    const lookup = await held.first;
    const second = get(fresh.port);
    await until("the second request", async () => {
      const load = await samplesOf(fresh, "gateway_load");
      return load["of=requests"] === 2;
    });
    first.socket.destroy();
    await lineOf(fresh, "request.stalled", "authenticate");
    lookup.forward((chunk) => void lookup.gateway.write(chunk));
    t.equal((await second).status, 200);
    t.equal(held.count(), 1, "one lookup for both");
  },
);

t.test("a client that half-closes its connection after its request affects no other client", async (t) => {
  for (let i = 0; i < 20; i++) {
    const client = await rawConnect(gateway.port);
    client.socket.end(GET);
    t.match((await client.end()).text, /^$|^HTTP\/1\.1 200 [^]*\}$/, "a complete response or nothing");
  }
  t.equal((await get()).status, 200);
});

/** Holds the matching requests on their way to the CMS until the test forwards them. */
function hold(t: Test, only: RegExp) {
  const first = Promise.withResolvers<OnWire>();
  let count = 0;
  line.stage((request) => {
    count += 1;
    first.resolve(request);
  }, only);
  t.teardown(() => line.heal());
  return { first: inTime(first.promise, () => `a request like ${String(only)}`), count: () => count };
}

/** Resolves with the access log line of a request that ended with that code in that stage. */
function lineOf({ lines }: Pick<TestGateway, "lines">, code: string, stage: string) {
  return until(`${code} in the log`, () =>
    lines().find((entry) => entry["code"] === code && entry["stage"] === stage),
  );
}
