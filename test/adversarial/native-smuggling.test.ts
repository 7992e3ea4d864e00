/**
 * Attack: a request whose length the gateway and the CMS read differently, so that its body becomes a request
 * of its own.
 * Amplifier: kept-alive connections to the CMS, on which the hidden request is answered to another user or
 * takes bytes from that user's request.
 * Defence: the gateway accepts only unambiguous framing and forwards the framing that it has parsed.
 */
import { once } from "node:events";
import t from "tap";
import { answers, answersAndCloses, badOrigin } from "../support/bad-origin.ts";
import { startTestGateway } from "../support/gateway.ts";
import { startKept } from "../support/kept.ts";
import { chunked, rawConnect, rawExchange, rawRequest } from "../support/raw.ts";
import { startFront, startOrigin } from "../unit/http/proxy/front.ts";

const HIDDEN = rawRequest(["GET /hidden HTTP/1.1", "Host: cms"]);

for (const method of ["DELETE", "OPTIONS", "GET", "HEAD", "POST", "PATCH"]) {
  t.test(`a chunked ${method} hides no second request and arrives whole`, async (t) => {
    const { origin, front } = await startKept(t);
    const client = await rawConnect(front.port);
    client.send(
      rawRequest([`${method} /api/one HTTP/1.1`, "Host: cms", "Transfer-Encoding: chunked"], chunked(HIDDEN)),
    );
    await client.until(/\r\n\r\n/);
    client.send(rawRequest(["GET /api/two HTTP/1.1", "Host: cms", "Connection: close"]));
    await client.end();
    t.strictSame(
      origin.seen.map(({ url }) => url),
      ["/api/one", "/api/two"],
    );
    t.equal(origin.seen[0]?.body, HIDDEN);
    // The attack needs one kept-alive connection. For methods that rarely have a body, the gateway does not
    // reuse it.
    t.equal(origin.connections(), method === "POST" || method === "PATCH" ? 1 : 2);
  });
}

t.test("a DELETE with a Content-Length arrives whole", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const head = ["DELETE /api/posts HTTP/1.1", "Host: cms", "Content-Length: 8", "Connection: close"];
  t.match(await rawExchange(front.port, rawRequest(head, '{"a": 1}')), /^HTTP\/1\.1 200 /);
  t.match(origin.seen[0], { method: "DELETE", body: '{"a": 1}' });
});

t.test("forwards the body of a chunked DELETE with its framing", async (t) => {
  const origin = await badOrigin(answersAndCloses("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  const client = await rawConnect(front.port);
  client.send(rawRequest(["DELETE /api/one HTTP/1.1", "Host: cms", "Transfer-Encoding: chunked"]));
  client.send(chunked(HIDDEN));
  await client.until(/\r\n\r\n/);
  const [head = "", ...rest] = (origin.received[0] ?? "").split("\r\n\r\n");
  const framings = head.match(/\r\n(?:transfer-encoding: chunked|content-length: \d+)(?=\r\n|$)/g);
  const isWhole = framings?.[0] === `\r\ncontent-length: ${String(HIDDEN.length)}`;
  t.equal(framings?.length, 1, head);
  t.match(rest.join("\r\n\r\n"), isWhole ? /^GET \/hidden / : /^(?:[0-9a-f]+\r\nGET \/hidden |$)/);
});

t.test("a Content-Length named by Connection leaves no body without framing", async (t) => {
  for (const method of ["DELETE", "GET", "OPTIONS", "POST"]) {
    const origin = await startOrigin(t);
    const front = await startFront(t, origin.url);
    const head = [
      `${method} /api/one HTTP/1.1`,
      "Host: cms",
      `Content-Length: ${String(HIDDEN.length)}`,
      "Connection: close, content-length, transfer-encoding",
    ];
    await rawExchange(front.port, rawRequest(head, HIDDEN));
    await rawExchange(front.port, rawRequest(["GET /api/two HTTP/1.1", "Host: cms", "Connection: close"]));
    t.strictSame(
      origin.seen.map(({ url, body }) => `${url} ${String(body === HIDDEN)}`),
      ["/api/one true", "/api/two false"],
      method,
    );
  }
});

t.test("rejects ambiguous framing and headers, and closes the connection", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const ambiguous: Record<string, string[]> = {
    "both framings": ["POST / HTTP/1.1", "Host: h", "Content-Length: 4", "Transfer-Encoding: chunked"],
    "a second coding": ["POST / HTTP/1.1", "Host: h", "Transfer-Encoding: gzip, chunked"],
    "chunked twice": [
      "POST / HTTP/1.1",
      "Host: h",
      "Transfer-Encoding: chunked",
      "Transfer-Encoding: chunked",
    ],
    "a coding in HTTP/1.0": ["POST / HTTP/1.0", "Host: h", "Transfer-Encoding: chunked"],
    "two lengths": ["POST / HTTP/1.1", "Host: h", "Content-Length: 4", "Content-Length: 4"],
    "two hosts": ["GET / HTTP/1.1", "Host: a", "Host: b"],
    "two content types": ["GET / HTTP/1.1", "Host: h", "Content-Type: a/b", "Content-Type: c/d"],
    "two authorizations": ["GET / HTTP/1.1", "Host: h", "Authorization: JWT a", "Authorization: JWT b"],
    "no host": ["GET / HTTP/1.1", "Accept: */*"],
    "an odd host in HTTP/1.0": ["GET / HTTP/1.0", "Host: a/b"],
    "an empty host": ["GET / HTTP/1.1", "Host: "],
    "a list of hosts": ["GET / HTTP/1.1", "Host: a, b"],
    "a host with a path": ["GET / HTTP/1.1", "Host: a/b"],
    "a host with a user": ["GET / HTTP/1.1", "Host: u@a"],
    "another major version": ["GET / HTTP/2.0", "Host: h"],
  };
  for (const [name, lines] of Object.entries(ambiguous)) {
    const answer = await rawExchange(front.port, rawRequest(lines, "0\r\n\r\n"));
    t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/, name);
    t.match(answer, /\r\nconnection: close\r\n/i, name);
  }
  t.equal(origin.connections(), 0);
});

t.test("an upgrade with a body does not consume the next user's request", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const bodies = {
    [`Content-Length: ${String(HIDDEN.length)}`]: HIDDEN,
    "Content-Length: 0": "",
    "Transfer-Encoding: chunked": chunked(HIDDEN),
  };
  for (const [header, body] of Object.entries(bodies)) {
    const head = ["GET /api/hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket", header];
    const answer = await rawExchange(front.port, rawRequest(head, body));
    t.match(answer, /^HTTP\/1\.1 400 .*"message":"Malformed request"/s, header);
  }
  t.equal(origin.connections(), 0);
});

t.test("an upgrade after an unanswered request does not mix its bytes into the response", async (t) => {
  const origin = await startOrigin(t, () => undefined);
  origin.server.on("upgrade", (_request, socket) => {
    socket.on("error", () => socket.destroy());
    socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframes");
  });
  const front = await startFront(t, origin.url);
  const client = await rawConnect(front.port);
  client.send(rawRequest(["GET /api/slow HTTP/1.1", "Host: h"]));
  await once(origin.server, "request");
  client.send(rawRequest(["GET /api/hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"]));
  t.equal((await client.end()).text, "");
});

t.test("bytes that do not parse get no response in the middle of another one", async (t) => {
  const begun = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun";
  const origin = await badOrigin(answers(begun));
  const gateway = await startTestGateway(origin.url.origin);
  t.teardown(async () => {
    await gateway.stop();
    await origin.close();
  });
  const client = await rawConnect(gateway.port);
  client.send(
    rawRequest(["POST /api/one HTTP/1.1", "Host: cms", "Transfer-Encoding: chunked"], "1\r\na\r\n"),
  );
  await client.until(/begun/);
  client.send("this is no chunk\r\n");
  const { text } = await client.end();
  t.match(text, /^HTTP\/1\.1 200 [^]*begun$/, "its connection is cut");
});
