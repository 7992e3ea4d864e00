import { once } from "node:events";
import { request, type Agent, type ServerResponse } from "node:http";
import t from "tap";
import { WebSocket, WebSocketServer } from "ws";
import { openConnections } from "../../../src/native/agents.ts";
import { badOrigin } from "../../support/bad-origin.ts";
import { inTime } from "../../support/raw.ts";
import { ask, startFront, startOrigin } from "./front.ts";

t.test("connections to the CMS are kept and used again", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  for (let i = 0; i < 20; i++) await ask(front);
  t.equal(origin.connections(), 1);
});

t.test("a kept connection that the CMS closes under a read is replaced unseen", async (t) => {
  let used = 0;
  const origin = await badOrigin((socket, head, nth) => {
    if (head.startsWith("GET /second") && used++ === 0) socket.destroy();
    else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${String(nth)}`);
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  await ask(front, { path: "/first" });
  t.match(await ask(front, { path: "/second" }), { status: 200, body: Buffer.from("3") });
  t.strictSame(front.failures, []);
});

t.test("but only once, only on a kept connection, and never under a write", async (t) => {
  let heads = 0;
  const origin = await badOrigin((socket, head) => {
    heads += 1;
    if (head.includes(" /ok ")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    else socket.destroy();
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  t.equal((await ask(front, { path: "/fresh" })).status, 502);
  t.equal(heads, 1);
  await ask(front, { path: "/ok" });
  t.equal((await ask(front, { path: "/kept" })).status, 502);
  t.equal(heads, 4, "twice");
  await ask(front, { path: "/ok" });
  t.equal((await ask(front, { path: "/kept", method: "POST" }, "body")).status, 502);
  t.equal(heads, 6, "once");
});

t.test("closing waits for what is under way, ends tunnels and refuses what comes", async (t) => {
  const slow: ServerResponse[] = [];
  const origin = await startOrigin(t, (request, response) => {
    if (request.url === "/slow") slow.push(response);
    else response.end("quick");
  });
  const sockets = new WebSocketServer({ server: origin.server });
  t.teardown(() => sockets.close());
  const front = await startFront(t, origin.url);
  await ask(front);
  const socket = new WebSocket(`ws://127.0.0.1:${String(front.port)}/`);
  await once(socket, "open");
  const answer = ask(front, { path: "/slow" });
  while (slow.length === 0) await once(origin.server, "request");
  let closed = false;
  const closing = front.native.close().then(() => (closed = true));
  await once(socket, "close");
  t.match(await ask(front), { status: 503, headers: { "retry-after": "1" } });
  t.equal(closed, false);
  slow[0]?.end("done");
  t.match(await answer, { status: 200, body: Buffer.from("done") });
  await inTime(closing, () => "the proxy to close");
});

t.test("a connection that falls idle while they close is not kept", async (t) => {
  const held: ServerResponse[] = [];
  const origin = await startOrigin(t, (_, response) => void held.push(response));
  const connections = openConnections(new URL(origin.url));
  const asking = request(origin.url, { agent: connections.pool }).end();
  while (held.length === 0) await once(origin.server, "request");
  const closing = connections.close();
  held[0]?.end("done");
  const [answer] = await once(asking, "response");
  answer.resume();
  await once(answer, "close");
  for (let i = 0; i < 10; i += 1) await new Promise((resolve) => void setImmediate(resolve));
  t.strictSame(Object.values(connections.pool.freeSockets), []);
  await inTime(closing, () => "the connections to close");
});

t.test("idle connections are closed before a Node server would close them", (t) => {
  const { pool, single } = openConnections(new URL("http://127.0.0.1"));
  t.equal(Reflect.get(pool, "keepAlive"), true);
  const { timeout } = optionsOf(pool);
  t.ok(typeof timeout === "number" && timeout < 5_000, String(timeout));
  t.equal(Reflect.get(single, "keepAlive"), false, "one that began an upgrade is not used again");
  t.end();
});

t.test("TLS asks for the CMS's certificate, whatever Host the client sends", (t) => {
  const named = openConnections(new URL("https://cms.example.org:8443"));
  t.match(optionsOf(named.pool), { servername: "cms.example.org" });
  t.match(optionsOf(named.single), { servername: "cms.example.org" });
  t.match(optionsOf(openConnections(new URL("https://[::1]:8443")).pool), { servername: "" });
  t.end();
});

/** An agent's options, which Node documents and its types leave out. */
function optionsOf(agent: Agent): Record<string, unknown> {
  const options: unknown = Reflect.get(agent, "options");
  return { ...(typeof options === "object" ? options : {}) };
}
