import { once } from "node:events";
import { createServer, IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import t from "tap";
import { headerRules, requestHeaders } from "../../../../src/http/proxy/request-headers.ts";
import { rawExchange, rawRequest } from "../../../support/raw.ts";
import { ask, type Front, startFront, startOrigin, type Test } from "./front.ts";

function spoil(request: IncomingMessage): void {
  request.headers["x-spoilt"] = "a\nb";
}

/** A server that corrupts each request before the proxy gets it, so that it cannot be sent to the CMS. */
async function startSpoiler(t: Test, front: Front): Promise<number> {
  const server = createServer((request, response) => {
    spoil(request);
    front.native.web(request, response, "id-s");
  });
  server.on("upgrade", (request, socket, head) => {
    spoil(request);
    front.native.upgrade(request, socket, head, "id-s");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(async () => {
    server.close();
    await once(server, "close");
  });
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

const FAULT = { error: "Server Error", message: "An unexpected error occurred", requestId: "id-s" };

t.test("answers 500 for a request that cannot be written and does not forward it", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const port = await startSpoiler(t, front);
  const got = await ask({ port }, { path: "/api" });
  t.equal(got.status, 500);
  t.strictSame(JSON.parse(got.body.toString()), FAULT);
  t.match(front.failures, [
    { requestId: "id-s", code: "gateway.fault", cause: { code: "UND_ERR_INVALID_ARG" } },
  ]);
});

t.test("answers 500 for an upgrade that cannot be written", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const port = await startSpoiler(t, front);
  const head = ["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"];
  t.match(await rawExchange(port, rawRequest(head)), /^HTTP\/1\.1 500 .*"requestId":"id-s"\}$/s);
  t.match(front.failures, [{ code: "gateway.fault" }]);
});

t.test("the request keeps its headers for the log after the call", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const seen: IncomingMessage["headers"][] = [];
  front.server.prependListener("request", (request: IncomingMessage) => {
    queueMicrotask(() => seen.push(request.headers));
  });
  await ask(front, { method: "DELETE", headers: { "user-agent": "test", "transfer-encoding": "chunked" } });
  t.match(seen, [{ "user-agent": "test", "transfer-encoding": "chunked" }]);
  t.equal(seen[0]?.["content-length"], undefined);
});

t.test("drops an upgrade with a substitute for its socket", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  front.server.removeAllListeners("upgrade");
  front.server.on("upgrade", (request, _socket, head) => {
    const standIn = new PassThrough();
    front.native.upgrade(request, standIn, head, "id-1");
    standIn.destroy(new Error("its socket was reset"));
  });
  const head = ["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"];
  t.equal(await rawExchange(front.port, rawRequest(head)), "");
  t.equal(origin.connections(), 0);
});

/** Returns a request from this address, as an `IncomingMessage` has it. */
function requestFrom(address: string | undefined): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, "remoteAddress", { value: address });
  const request = new IncomingMessage(socket);
  request.headers = { host: "h" };
  return request;
}

t.test("forwards the IPv4 address of a client on a dual-stack listener", (t) => {
  const asked: string[] = [];
  const isTrustedPeer = (address: string): boolean => asked.push(address) === 0;
  const law = headerRules({ reservedNames: [], isTrustedPeer });
  t.match(requestHeaders(requestFrom("::ffff:10.0.0.1"), "id", law), { "x-forwarded-for": "10.0.0.1" });
  t.match(requestHeaders(requestFrom("::ffff:1"), "id", law), { "x-forwarded-for": "::ffff:1" });
  t.match(requestHeaders(requestFrom("2001:db8::1"), "id", law), { "x-forwarded-for": "2001:db8::1" });
  t.strictSame(asked, ["10.0.0.1", "::ffff:1", "2001:db8::1"]);
  t.equal(
    requestHeaders(requestFrom(undefined), "id", law),
    undefined,
    "a disconnected client has no address",
  );
  t.end();
});
