import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { createServer } from "node:tls";
import t from "tap";
import { WebSocket, WebSocketServer } from "ws";
import { ProxyConnections, IDLE_CONNECTION_MS } from "../../../../src/http/proxy/connections.ts";
import { badOrigin } from "../../../support/bad-origin.ts";
import { startKept } from "../../../support/kept.ts";
import { inTime } from "../../../support/raw.ts";
import { PATIENCE_MS } from "../../../support/until.ts";
import { ask, type Front, type Origin, startFront, startOrigin, type Test } from "./front.ts";

/** A WebSocket through the proxy, to an origin that accepts it. */
async function openSocket(t: Test, { server }: Origin, { port }: Front): Promise<WebSocket> {
  const sockets = new WebSocketServer({ server });
  t.teardown(async () => {
    sockets.close();
    await Promise.resolve();
  });
  const socket = new WebSocket(`ws://127.0.0.1:${String(port)}/`);
  await once(socket, "open");
  return socket;
}

t.test("keeps and reuses connections to the CMS", async (t) => {
  const { origin, front } = await startKept(t);
  for (let i = 0; i < 20; i++) await ask(front);
  t.equal(origin.connections(), 1);
});

t.test("retries a read on a new connection when the CMS closes the kept one", async (t) => {
  let used = 0;
  const origin = await badOrigin((socket, head, nth) => {
    if (head.startsWith("GET /second") && used++ === 0) socket.destroy();
    else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${String(nth)}`);
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url, { idleMs: PATIENCE_MS });
  await ask(front, { path: "/first" });
  t.match(await ask(front, { path: "/second" }), { status: 200, body: Buffer.from("3") });
  t.strictSame(front.failures, []);
});

t.test("after one stale connection drops all idle ones", async (t) => {
  const first = new Set<Socket>();
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const origin = await badOrigin((socket, head) => {
    if (head.startsWith("GET /first")) {
      first.add(socket);
      // All at the same time, so that each has its own connection.
      if (first.size === 3) for (const one of first) one.write(ok);
    } else if (first.has(socket)) socket.destroy();
    else socket.write(ok);
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url, { idleMs: PATIENCE_MS });
  await Promise.all([1, 2, 3].map(() => ask(front, { path: "/first" })));
  t.equal(first.size, 3);
  t.equal((await ask(front, { path: "/second" })).status, 200);
  const writes = [1, 2, 3].map(() => ask(front, { path: "/second", method: "POST" }));
  t.strictSame(
    (await Promise.all(writes)).map(({ status }) => status),
    [200, 200, 200],
  );
});

t.test("retries only once, only after a kept connection, and never a write", async (t) => {
  let heads = 0;
  const origin = await badOrigin((socket, head) => {
    heads += 1;
    if (head.includes(" /ok ")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    else socket.destroy();
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url, { idleMs: PATIENCE_MS });
  t.equal((await ask(front, { path: "/fresh" })).status, 502);
  t.equal(heads, 1);
  await ask(front, { path: "/ok" });
  t.equal((await ask(front, { path: "/kept" })).status, 502);
  t.equal(heads, 4, "twice");
  await ask(front, { path: "/ok" });
  t.equal((await ask(front, { path: "/kept", method: "POST" }, "body")).status, 502);
  t.equal(heads, 6, "once");
});

t.test("close waits for requests in flight, ends tunnels and serves new requests", async (t) => {
  const slow: ServerResponse[] = [];
  const origin = await startOrigin(t, (request, response) => {
    if (request.url === "/slow") slow.push(response);
    else response.end("quick");
  });
  const front = await startFront(t, origin.url);
  await ask(front);
  const socket = await openSocket(t, origin, front);
  const answer = ask(front, { path: "/slow" });
  while (slow.length === 0) await once(origin.server, "request");
  let closed = false;
  const closing = front.native.close().then(() => (closed = true));
  await once(socket, "close");
  t.match(await ask(front), { status: 200, body: Buffer.from("quick") });
  t.equal(closed, false);
  slow[0]?.end("done");
  t.match(await answer, { status: 200, body: Buffer.from("done") });
  await inTime(closing, () => "the proxy to close");
});

t.test("a connection that becomes idle during the close is not kept", async (t) => {
  const origin = await startOrigin(t);
  const connections = new ProxyConnections(origin.url, { connectTimeoutMs: PATIENCE_MS });
  const client = connections.take();
  await (await client.request({ method: "GET", path: "/" })).body.dump();
  const closing = connections.close();
  connections.give(client);
  await inTime(closing, () => "the connections to close");
  t.equal(client.closed, true);
});

t.test("closes an idle connection before a Node server would", async (t) => {
  const origin = await startOrigin(t);
  t.ok(IDLE_CONNECTION_MS < origin.server.keepAliveTimeout, "by default");
  origin.server.keepAliveTimeout = 2 * PATIENCE_MS;
  const closing = new Promise<void>((resolve) => {
    origin.server.on("connection", (socket) => socket.once("close", () => resolve()));
  });
  const connections = new ProxyConnections(origin.url, { connectTimeoutMs: PATIENCE_MS, idleMs: 1 });
  t.teardown(() => connections.close());
  const client = connections.take();
  await (await client.request({ method: "GET", path: "/" })).body.dump();
  connections.give(client);
  await inTime(closing, () => "the connection to close");
  t.equal(client.closed, false, "a request would open another");
});

t.test("a WebSocket handshake uses a new connection", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  await ask(front);
  const socket = await openSocket(t, origin, front);
  t.equal(origin.connections(), 2);
  socket.terminate();
});

t.test("TLS requests the CMS's certificate, whatever Host the client sends", async (t) => {
  const asked: string[] = [];
  let handshakes = 0;
  const server = createServer({
    SNICallback: (name, done) => {
      asked.push(name);
      done(new Error("none here"));
    },
  }).listen(0);
  server.on("tlsClientError", () => handshakes++);
  await once(server, "listening");
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  for (const host of ["localhost", "127.0.0.1"]) {
    const front = await startFront(t, new URL(`https://${host}:${String(port)}`));
    t.equal((await ask(front, { headers: { host: "client.example" } })).status, 502);
  }
  t.strictSame(asked, ["localhost"], "and no name for an IP address");
  t.equal(handshakes, 2);
});
