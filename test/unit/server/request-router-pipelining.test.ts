import { once } from "node:events";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import t, { type Test } from "tap";
import type { Incoming } from "../../../src/core/context.ts";
import { ClientConnections } from "../../../src/server/client-connections.ts";
import { rawConnect, rawExchange, rawRequest } from "../../support/raw.ts";
import { until } from "../../support/until.ts";
import { serve } from "./serve.ts";

/** A server that answers a POST with its body and other requests on demand, and the started methods. */
async function serveSlowly(t: Test) {
  const begun: string[] = [];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const server = await serve(t, async ({ method, body, signal }: Incoming) => {
    begun.push(method);
    if (method !== "POST") await released;
    const text = method === "POST" ? await body.read(1_000_000, signal) : method;
    return { status: 200, headers: {}, body: `[${String(text)}]` };
  });
  return { ...server, begun, release };
}

const PATH = "/partners/2026-02/t/pages";
const GET = rawRequest([`GET ${PATH} HTTP/1.1`, "Host: h"]);
const LAST = rawRequest([`DELETE ${PATH} HTTP/1.1`, "Host: h", "Connection: close"]);
const post = (path: string, length: number, ...more: string[]) =>
  rawRequest([`POST ${path} HTTP/1.1`, "Host: h", `Content-Length: ${length}`, ...more]);

t.test("a pipelined request gets its 100 only in its turn", async (t) => {
  const { port, begun, release, read, roundTrip } = await serveSlowly(t);
  const client = await rawConnect(port);
  client.send(GET + post(PATH, 4, "Expect: 100-continue"));
  await read.nth(2);
  await roundTrip();
  t.strictSame(begun, ["GET"]);
  t.equal(client.text(), "");
  release();
  t.match(await client.until(/100 Continue\r\n\r\n$/), /^HTTP\/1\.1 200 [^]*\[GET\]HTTP\/1\.1 100 /);
  client.send(`body${LAST}`);
  const { text } = await client.end();
  t.match(text, /\[GET\][^]*\[body\][^]*\[DELETE\]$/);
  t.equal(text.split(" 100 Continue").length, 2, "once");
});

t.test("the body of a pipelined request waits with it, however large", async (t) => {
  const { port, begun, release, read, roundTrip } = await serveSlowly(t);
  const body = "x".repeat(500_000);
  const answer = rawExchange(port, `${GET}${post(PATH, body.length)}${body}${LAST}`);
  const waiting = await read.nth(2);
  await until("the beginning of its body", () => waiting.readableLength > 0);
  await roundTrip();
  t.strictSame(begun, ["GET"]);
  release();
  t.match(await answer, /\[GET\][^]*\[x{500000}\][^]*\[DELETE\]$/);
  t.strictSame(begun, ["GET", "POST", "DELETE"]);
});

t.test(
  "a pipelined request refused in its turn ends the connection unless its body was read completely",
  async (t) => {
    for (const [sent, statuses] of [
      ["body", ["200", "404", "200"]],
      ["bo", ["200", "404"]],
    ] as const) {
      const { port, release, read } = await serveSlowly(t);
      const client = await rawConnect(port);
      client.send(GET + post("/nowhere", 4) + sent);
      const refused = await read.nth(2);
      await until("its body, as far as it was sent", () => refused.readableLength === sent.length);
      release();
      await client.until(/ 404 [^]*\}$/);
      client.send(`${"body".slice(sent.length)}${LAST}`);
      const { text } = await client.end();
      t.strictSame(
        Array.from(text.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => status),
        statuses,
        sent,
      );
    }
  },
);

t.test("a request that starts after the announcement of a close gets `Connection: close`", async (t) => {
  const body = "x".repeat(20_000_000);
  const server = await serve(t, async () => ({ status: 200, headers: {}, body }));
  const client = await rawConnect(server.port);
  client.send(GET + GET + GET);
  await client.until(/^HTTP\/1\.1 200 /);
  client.socket.pause();
  server.announceClosing();
  client.socket.resume();
  const { text } = await client.end();
  t.strictSame(text.match(/connection: [-a-z]+/gi), ["Connection: keep-alive", "Connection: close"]);
});

/** A server that passes its requests to `connections` and `hear` only. */
async function serveBare(t: Test, connections: ClientConnections, hear: RequestListener): Promise<number> {
  const server = createServer({ optimizeEmptyRequests: true }, hear);
  server.on("connection", (socket) => connections.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

t.test("no request starts after the last answer, whether read before or after it is sent", async (t) => {
  const connections = new ClientConnections(10);
  const turns: boolean[] = [];
  const port = await serveBare(t, connections, (request, response) => {
    if (request.method === "POST") request.socket.end();
    turns.push(connections.begin(request, response, () => t.fail("begun")));
    response.shouldKeepAlive = false;
    if (turns.length === 1) response.end("last");
  });
  t.match(await rawExchange(port, GET + GET), /^HTTP\/1\.1 200 (?:(?!HTTP\/1)[^])*last$/);
  t.equal(await rawExchange(port, post(PATH, 0)), "");
  t.strictSame(turns, [true, false, false]);
});

t.test("stops reading while many requests wait, and continues when fewer wait", async (t) => {
  const connections = new ClientConnections(1_000_000);
  let count = 0;
  let first: ServerResponse | undefined;
  const port = await serveBare(t, connections, (request, response) => {
    if (request.method === "OPTIONS") {
      response.end();
      return;
    }
    count += 1;
    const answer = (): void => void response.end();
    if (!connections.begin(request, response, answer)) return;
    if (count > 1) answer();
    else first = response;
  });
  const client = await rawConnect(port);
  client.send(GET.repeat(20_000) + LAST);
  await until("the server to read no more", () => first?.req.socket.isPaused() === true || count > 20_000);
  const before = count;
  await rawExchange(port, rawRequest(["OPTIONS / HTTP/1.1", "Host: h", "Connection: close"]));
  t.equal(count, before, "reading has stopped");
  t.ok(count < 10_000, `${count} were read`);
  first?.end();
  t.equal((await client.end()).text.match(/HTTP\/1\.1 200/g)?.length, 20_001);
});
