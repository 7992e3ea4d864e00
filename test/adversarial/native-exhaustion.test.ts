/**
 * Attack: clients that disconnect, stop reading or stop sending at the moment that costs the gateway most.
 * Amplifier: each leaves a connection to the CMS, a listener or a buffer behind, until none is left for any
 * client.
 * Defence: a client's resources are released with its connection, on both sides and at once. The idle timeout
 * cuts off a connection that moves no byte.
 */
import type { Socket } from "node:net";
import t from "tap";
import { badOrigin, type BadOrigin, isSilent } from "../support/bad-origin.ts";
import { startKept } from "../support/kept.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import { closed, endIdleTime, serverEnd } from "../support/server-end.ts";
import { until } from "../support/until.ts";
import { ask, oneConnection, startFront } from "../unit/http/proxy/front.ts";

const GET = rawRequest(["GET /api/posts HTTP/1.1", "Host: h"]);
const UPGRADE = rawRequest(["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"]);
const UPLOAD = rawRequest(["POST /api/media HTTP/1.1", "Host: h", "Content-Length: 1000000"], "first");
const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const LEAVERS = 50;
/** Longer than any test: `endIdleTime` ends it. */
const IDLE_MS = 3_600_000;

/** Resolves when the origin has no connection left. */
async function deserted(origin: BadOrigin): Promise<void> {
  const gone = Array.from(origin.sockets, closed);
  await inTime(Promise.all(gone), () => `${String(origin.sockets.size)} connections to the CMS to close`);
}

const ABANDONED: Record<string, string> = {
  "before the answer": GET,
  "in mid-upload": UPLOAD,
  "before the answer to its handshake": UPGRADE,
};

for (const [when, request] of Object.entries(ABANDONED)) {
  t.test(`a client that disconnects ${when} leaves no connection to the CMS behind`, async (t) => {
    let arrived = 0;
    const all = Promise.withResolvers<void>();
    const origin = await badOrigin(() => {
      arrived += 1;
      if (arrived === LEAVERS) all.resolve();
    });
    t.teardown(() => origin.close());
    const front = await startFront(t, origin.url);
    const clients = await Promise.all(Array.from({ length: LEAVERS }, () => rawConnect(front.port)));
    for (const client of clients) client.send(request);
    await inTime(all.promise, () => `${String(arrived)} requests`);
    t.equal(origin.sockets.size, LEAVERS);
    for (const [i, client] of clients.entries()) {
      if (i % 2 === 0) client.socket.destroy();
      else client.socket.resetAndDestroy();
    }
    await deserted(origin);
    t.equal(origin.sockets.size, 0);
    await front.native.close();
    t.strictSame(front.failures, [], "a disconnected client is not a failure");
  });
}

t.test(
  "a client that disconnects in the middle of a response leaves no connection to the CMS behind",
  async (t) => {
    const origin = await badOrigin((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun");
    });
    t.teardown(() => origin.close());
    const front = await startFront(t, origin.url);
    const clients = await Promise.all(Array.from({ length: LEAVERS }, () => rawConnect(front.port)));
    for (const client of clients) client.send(GET);
    await Promise.all(clients.map((client) => client.until(/begun/)));
    for (const client of clients) client.socket.destroy();
    await deserted(origin);
    t.equal(origin.sockets.size, 0);
    await front.native.close();
    t.strictSame(front.failures, []);
  },
);

t.test("an upload that the CMS has answered early releases its connection at once", async (t) => {
  const origin = await badOrigin((socket) => {
    socket.write("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 4\r\n\r\nmuch");
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  const client = await rawConnect(front.port);
  client.send(UPLOAD);
  t.match(await client.until(/much$/), /^HTTP\/1\.1 413 /);
  await deserted(origin);
  t.equal(client.socket.destroyed, false, "the client may finish its upload");
  client.send(Buffer.alloc(1_000_000 - "first".length));
  client.send(GET);
  t.match(await client.until(/much[^]*much$/), /413[^]*413/, "the client reuses its connection");
  client.socket.destroy();
});

t.test("answers 400 to a client that stops sending, and closes its connection", async (t) => {
  const origin = await badOrigin(isSilent);
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url, { idleTimeoutMs: IDLE_MS });
  const client = await rawConnect(front.port);
  client.send(UPLOAD);
  await until("the CMS to receive the beginning", () => origin.received[0]?.endsWith("first"));
  endIdleTime(await serverEnd(client), IDLE_MS);
  t.match((await client.end()).text, /^HTTP\/1\.1 400 .*"message":"Malformed request"/s);
  await deserted(origin);
  t.match(front.failures, [{ code: "request.stalled" }]);
});

t.test("when either end of a tunnel closes, the gateway closes the other", async (t) => {
  const origin = await badOrigin((socket) => void socket.write(`${SWITCH}hello`));
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  for (const leave of ["destroy", "resetAndDestroy", "end"] as const) {
    const client = await rawConnect(front.port);
    client.send(UPGRADE);
    await client.until(/hello$/);
    client.socket[leave]();
    await deserted(origin);
    t.equal(origin.sockets.size, 0, `client: ${leave}`);
  }
  for (const leave of ["destroy", "resetAndDestroy", "end"] as const) {
    const client = await rawConnect(front.port);
    client.send(UPGRADE);
    await client.until(/hello$/);
    for (const socket of origin.sockets) socket[leave]();
    t.match((await client.end()).text, /hello$/, `CMS: ${leave}`);
  }
});

t.test("closes a tunnel after the idle timeout if the CMS ignores that the client has closed", async (t) => {
  const origin = await badOrigin((socket) => void socket.write(`${SWITCH}hello`), { allowHalfOpen: true });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url, { idleTimeoutMs: 150 });
  const client = await rawConnect(front.port);
  client.send(UPGRADE);
  await client.until(/hello$/);
  client.socket.end();
  t.match((await client.end()).text, /hello$/);
  await inTime(front.native.close(), () => "the last connection to the CMS to close");
});

t.test("hundreds of requests on one connection leave no listener behind", async (t) => {
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.name);
  process.on("warning", note);
  t.teardown(() => void process.off("warning", note));
  const { origin, front } = await startKept(t);
  const sockets: Socket[] = [];
  front.server.on("connection", (socket) => sockets.push(socket));
  const agent = oneConnection(t);
  const counts: number[] = [];
  for (let i = 1; i <= 300; i++) {
    const { body } =
      i % 3 === 0 ? await ask(front, { agent, method: "POST" }, "body") : await ask(front, { agent });
    t.equal(body.toString(), "ok");
    const [socket] = sockets;
    if (i % 100 === 0)
      counts.push(socket?.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0) ?? -1);
  }
  t.equal(sockets.length, 1);
  t.equal(origin.connections(), 1);
  t.strictSame(counts, [counts[0], counts[0], counts[0]]);
  t.strictSame(warnings, []);
});
