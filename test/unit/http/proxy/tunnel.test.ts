import { once } from "node:events";
import t from "tap";
import { WebSocket, WebSocketServer } from "ws";
import { inTime, rawConnect, rawExchange, rawRequest } from "../../../support/raw.ts";
import { ask, type Origin, startFront, startOrigin, type Test } from "./front.ts";

/** An origin that accepts WebSockets and echoes their messages. */
async function startEcho(t: Test): Promise<Origin> {
  const origin = await startOrigin(t, (request) => void request.resume());
  const sockets = new WebSocketServer({ server: origin.server, path: "/_next/webpack-hmr" });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on("close", (code, reason) => void (code === 4001 && socket.close(code, reason)));
  });
  t.teardown(async () => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    await Promise.resolve();
  });
  return origin;
}

t.test("a WebSocket transfers small and large frames both ways and closes with its code", async (t) => {
  const origin = await startEcho(t);
  const front = await startFront(t, origin.url);
  const socket = new WebSocket(`ws://127.0.0.1:${String(front.port)}/_next/webpack-hmr?id=1`);
  const [[upgrade]] = await Promise.all([once(socket, "upgrade"), once(socket, "open")]);
  t.match(upgrade, { headers: { "x-request-id": "id-1" } });
  for (const text of ["hello", "x".repeat(3_000_000), "bye"]) {
    socket.send(text);
    const [data] = await once(socket, "message");
    t.equal(String(data), text);
  }
  socket.close(4001, "enough");
  const [code] = await once(socket, "close");
  t.equal(code, 4001);
  await inTime(front.native.close(), () => "the tunnel to end");
});

t.test(
  "runs the work before an answer once for a handshake, also for one that the CMS refuses",
  async (t) => {
    const origin = await startEcho(t);
    const done: boolean[] = [];
    const front = await startFront(t, origin.url, {
      beforeAnswer: () => async (_, isWhole) => void done.push(isWhole),
    });
    const url = `ws://127.0.0.1:${String(front.port)}`;
    const socket = new WebSocket(`${url}/_next/webpack-hmr`);
    await once(socket, "open");
    t.strictSame(done, [true]);
    socket.terminate();
    const refused = new WebSocket(`${url}/elsewhere`);
    await once(refused, "error");
    t.strictSame(done, [true, true]);
  },
);

t.test("a WebSocket's early bytes arrive after its handshake", async (t) => {
  const origin = await startOrigin(t);
  origin.server.on("upgrade", (_request, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    socket.pipe(socket);
  });
  const front = await startFront(t, origin.url);
  const client = await rawConnect(front.port);
  client.send(
    rawRequest(["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: WebSocket"], "early "),
  );
  await client.until(/\r\n\r\nearly $/);
  client.send("late");
  await client.until(/early late$/);
  client.socket.destroy();
});

t.test("the idle timeout does not end a WebSocket", async (t) => {
  const origin = await startEcho(t);
  const front = await startFront(t, origin.url, { idleTimeoutMs: 100 });
  const socket = new WebSocket(`ws://127.0.0.1:${String(front.port)}/_next/webpack-hmr`);
  await once(socket, "open");
  // Its idle timeout began after the tunnel's would have, and ends it.
  const stalled = rawRequest(["POST /stalled HTTP/1.1", "Host: h", "Content-Length: 2"], "{");
  await rawExchange(front.port, stalled);
  t.match(front.failures, [{ code: "request.stalled" }]);
  socket.send("still here");
  t.match(String((await once(socket, "message"))[0]), "still here");
  socket.close();
  await once(socket, "close");
});

t.test("relays an answer to a handshake other than 101 and closes the connection", async (t) => {
  const origin = await startOrigin(t, (_request, response) => {
    response.writeHead(426, "Not Here", { "set-cookie": ["a=1", "b=2"], "x-why": "because" });
    response.write("first ");
    response.end("second");
  });
  const front = await startFront(t, origin.url);
  const lines = ["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"];
  const answer = await rawExchange(front.port, rawRequest(lines));
  t.match(answer, /^HTTP\/1\.1 426 Not Here\r\nx-request-id: id-1\r\n.*first .*second\r\n0\r\n\r\n$/s);
  t.match(answer, /\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n/);
  t.match(answer, /\r\nConnection: close\r\n/);
});

t.test("a large answer to a handshake arrives completely", async (t) => {
  const origin = await startOrigin(
    t,
    (_request, response) => void response.end(Buffer.alloc(5_000_000, "x")),
  );
  const front = await startFront(t, origin.url);
  const lines = ["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"];
  const answer = await rawExchange(front.port, rawRequest(lines));
  t.equal(answer.length - answer.indexOf("\r\n\r\n") - 4, 5_000_000);
});

t.test("a connection to the CMS that began an upgrade is not reused", async (t) => {
  const origin = await startOrigin(t, (_request, response) => void response.end("no"));
  const front = await startFront(t, origin.url);
  const lines = ["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"];
  await rawExchange(front.port, rawRequest(lines));
  await ask(front);
  await rawExchange(front.port, rawRequest(lines));
  t.equal(origin.connections(), 3);
});
