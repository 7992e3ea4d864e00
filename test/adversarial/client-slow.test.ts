/**
 * Attack: clients that are slow on purpose, or leave halfway: headers byte by byte, bodies that stop, silence.
 * Amplifier: whatever is held meanwhile. A proxy that opens its connection to the CMS with the first byte of a body is
 * out of them after as many slow clients as it has connections.
 * Defence: time limits for headers and for pauses within bodies; a partner's body is read whole before the CMS is asked;
 * who leaves takes the request to the CMS along.
 */
import { once } from "node:events";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { hangs, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";

const cms = await startCms();
const line = await startFaultyLine(() => cms.port);
const gateway = await startTestGateway(line.url, {
  partners: { collections: ["posts"] },
  limits: { bodyPause: "400ms", inFlightPerKey: 1_000 },
  upstream: { connections: 2 },
});
t.teardown(async () => {
  await gateway.stop();
  await line.close();
  await cms.close();
});

const authorization = `Authorization: users API-Key ${cms.keys.partnerA}`;
const POST = ["POST /partners/2026-02/tenant-a/posts HTTP/1.1", "Host: h", authorization];
const STALLED = /^HTTP\/1\.1 400 Bad Request\r\n.*\r\nconnection: close\r\n.*"message":"Malformed request"/is;

function get(port = gateway.port): Promise<Response> {
  const headers = { authorization: `users API-Key ${cms.keys.partnerA}` };
  return fetch(`http://127.0.0.1:${port}/partners/2026-02/tenant-a/posts?limit=1`, { headers });
}

/** A gateway that waits for headers, or within a body, for so long and no longer. */
async function startHasty(t: Test, limits: { headersTimeout?: string; bodyPause?: string }) {
  const { headersTimeout = "15s", bodyPause = "10s" } = limits;
  const hasty = await startTestGateway(line.url, {
    partners: { collections: ["posts"] },
    server: { headersTimeout },
    limits: { bodyPause },
  });
  t.teardown(() => hasty.stop());
  return hasty;
}

t.test("headers that do not come end in 400 and a closed connection, and hold up nobody", async (t) => {
  const hasty = await startHasty(t, { headersTimeout: "3s" });
  const slow = await Promise.all(Array.from({ length: 50 }, () => rawConnect(hasty.port)));
  for (const client of slow) client.send("GET /partners/2026-02 HTTP/1.1\r\nHost: h\r\nX-Slow: ");
  t.equal((await get(hasty.port)).status, 200);
  const ends = await Promise.all(slow.map((client) => client.end()));
  for (const { text } of ends) t.match(text, STALLED);
  t.match(hasty.lines().at(-1), { code: "request.stalled", status: 400 });
});

t.test("a connection on which nothing comes at all is closed", async (t) => {
  const hasty = await startHasty(t, { headersTimeout: "1s" });
  const silent = await rawConnect(hasty.port);
  await silent.end();
  t.pass("closed");
});

t.test("200 bodies that stop hold no connection to the CMS, which has two", async (t) => {
  cms.takeRequests();
  await get();
  const connections = line.connections();
  const slow = await Promise.all(Array.from({ length: 200 }, () => rawConnect(gateway.port)));
  for (const client of slow) client.send(rawRequest([...POST, "Content-Length: 100"], '{"title":'));
  for (let i = 0; i < 10; i++) t.equal((await get()).status, 200, "others are served meanwhile");
  t.ok(line.connections() <= Math.max(connections, 2), `${line.connections()} connections`);
  const ends = await Promise.all(slow.map((client) => client.end()));
  t.equal(ends.filter(({ text }) => STALLED.test(text)).length, 200);
  t.notOk(
    cms.takeRequests().some(({ method }) => method === "POST"),
    "nothing was written",
  );
});

t.test("a body that moves is let move, however slow it is", async (t) => {
  const body = '{"title":"slow but honest"}';
  // Each pause is far within the limit, so that a loaded machine makes none of them too long; all together are beyond it.
  const hasty = await startHasty(t, { bodyPause: "5s" });
  const client = await rawConnect(hasty.port);
  client.send(rawRequest([...POST, `Content-Length: ${body.length}`, "Connection: close"]));
  for (const byte of body) {
    client.send(byte);
    await new Promise((resolve) => void setTimeout(resolve, 250));
  }
  t.match((await client.end()).text, /^HTTP\/1\.1 201 /);
});

t.test("a client that leaves takes its request to the CMS along; what others wait for goes on", async (t) => {
  const fresh = await startTestGateway(line.url, { partners: { collections: ["posts"] } });
  t.teardown(() => fresh.stop());
  t.equal((await get(fresh.port)).status, 200);
  line.stage(hangs, /^GET \/api\/posts\?/);
  t.teardown(() => line.heal());
  const before = { carried: line.asked.length, open: line.connections() };
  const leaving = await rawConnect(fresh.port);
  leaving.send(rawRequest(["GET /partners/2026-02/tenant-a/posts HTTP/1.1", "Host: h", authorization]));
  await line.carried(before.carried + 1);
  leaving.socket.destroy();
  await inTime(
    untilTrue(() => line.connections() < before.open),
    () => "the CMS's connection to close",
  );
  t.match(await inTime(untilLine(fresh, "request.stalled"), () => "the line in the log"), {
    stage: "forward",
    code: "request.stalled",
  });
});

t.test("the first of those who wait for one lookup leaves, the others get their answer", async (t) => {
  const fresh = await startTestGateway(line.url, { partners: { collections: ["posts"] } });
  t.teardown(() => fresh.stop());
  let release: (() => void) | undefined;
  line.stage(
    (request) => {
      release = () => request.forward((chunk) => void request.gateway.write(chunk));
    },
    new RegExp(`^GET /api/users/me[^]*${cms.keys.partnerA}`),
  );
  t.teardown(() => line.heal());
  const carried = line.asked.filter((asked) => asked.includes("/users/me")).length;
  const first = await rawConnect(fresh.port);
  first.send(rawRequest(["GET /partners/2026-02/tenant-a/posts HTTP/1.1", "Host: h", authorization]));
  await inTime(
    untilTrue(() => release !== undefined),
    () => "the lookup",
  );
  const second = get(fresh.port);
  first.socket.destroy();
  await inTime(untilLine(fresh, "request.stalled"), () => "the first's line");
  release?.();
  t.equal((await second).status, 200);
  const lookups = line.asked.filter((asked) => asked.includes("/users/me")).length - carried;
  t.ok(lookups <= 2, "one lookup for both (the other is the gateway's own probe)");
});

t.test("a client that closes its half right after asking harms nobody", async (t) => {
  for (let i = 0; i < 20; i++) {
    const client = await rawConnect(gateway.port);
    client.socket.end(
      rawRequest(["GET /partners/2026-02/tenant-a/posts HTTP/1.1", "Host: h", authorization]),
    );
    if (!client.socket.closed) await once(client.socket, "close");
    t.match(client.text(), /^$|^HTTP\/1\.1 200 [^]*\}$/, "all of an answer or nothing");
  }
  t.equal((await get()).status, 200);
});

async function untilTrue(done: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !done(); i++) await new Promise((resolve) => void setTimeout(resolve, 5));
  if (!done()) throw new Error("it did not happen");
}

async function untilLine(of: { lines(): Record<string, unknown>[] }, code: string): Promise<unknown> {
  await untilTrue(() => of.lines().some((entry) => entry["code"] === code));
  return of.lines().find((entry) => entry["code"] === code);
}
