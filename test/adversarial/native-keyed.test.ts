/**
 * Attack: a partner's API key on a native path, where no tenant, version or ownership rule applies.
 * Amplifier: a second entry (an upgrade, a method, a spelling) that the guard of the first does not cover.
 * Defence: the forwarding functions themselves reject every request with a key, whatever its path, without a
 * lookup.
 */
import t from "tap";
import { handClock } from "../support/clock.ts";
import { rawConnect, rawExchange, rawRequest } from "../support/raw.ts";
import { startFront, startOrigin } from "../unit/http/proxy/front.ts";

const FORBIDDEN =
  /^HTTP\/1\.1 403 Forbidden\r\n.*"message":"API keys must use the Partners API at \/partners\/:version\/:tenant\/\*"/s;

t.test("rejects a key in any spelling and on any path", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const values = [
    "users API-Key k",
    "users api-key k",
    "admins API-Key k",
    "API-Key k",
    "users  API-Key\tk",
    "JWT a, users API-Key k",
  ];
  for (const value of values) {
    for (const target of [
      "/api/posts",
      "/api/graphql",
      "/admin",
      "/media/a.png",
      "/",
      "/API/posts",
      "/api%2fposts",
      "/_next/x",
    ]) {
      const head = [`GET ${target} HTTP/1.1`, "Host: h", `AUTHORIZATION: ${value}`, "Connection: close"];
      t.match(await rawExchange(front.port, rawRequest(head)), FORBIDDEN, `${value} on ${target}`);
    }
  }
  t.equal(
    origin.connections(),
    0,
    "the CMS received nothing, so a valid key and an invalid one get the same response",
  );
});

t.test("rejects a key with every method, and with a body that arrives later", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]) {
    const head = [
      `${method} /api/posts HTTP/1.1`,
      "Host: h",
      "Authorization: users API-Key k",
      "Content-Length: 2",
    ];
    const answer = await rawExchange(front.port, rawRequest(head, "{}"));
    t.match(answer, FORBIDDEN, method);
    t.match(answer, /\r\nconnection: close\r\n/i, method);
  }
  const head = ["HEAD /api/posts HTTP/1.1", "Host: h", "Authorization: users API-Key k", "Connection: close"];
  t.match(await rawExchange(front.port, rawRequest(head)), /^HTTP\/1\.1 403 Forbidden\r\n.*\r\n\r\n$/s);
  t.equal(origin.connections(), 0);
});

t.test("rejects a key on an upgrade, with the error envelope on the socket", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const answer = await rawExchange(
    front.port,
    rawRequest([
      "GET /api/posts HTTP/1.1",
      "Host: h",
      "Authorization: users API-Key k",
      "Connection: Upgrade",
      "Upgrade: websocket",
    ]),
  );
  t.match(answer, FORBIDDEN);
  t.match(answer, /\r\nx-request-id: id-1\r\n.*\r\nconnection: close\r\n/is);
  t.equal(origin.connections(), 0);
});

t.test("rejects a key although the Connection header names Authorization", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const head = [
    "GET /api/posts HTTP/1.1",
    "Host: h",
    "Authorization: users API-Key k",
    "Connection: close, authorization",
  ];
  t.match(await rawExchange(front.port, rawRequest(head)), FORBIDDEN);
  t.equal(origin.connections(), 0);
});

t.test("the rejection reaches a client that is still sending", async (t) => {
  const origin = await startOrigin(t);
  // The gateway reads the rest of the request for two seconds of a clock that stands still.
  const front = await startFront(t, origin.url, { clock: handClock() });
  const head = [
    "POST /api/media HTTP/1.1",
    "Host: h",
    "Authorization: users API-Key k",
    "Content-Length: 20000000",
  ];
  const client = await rawConnect(front.port);
  client.send(rawRequest(head));
  await client.until(/\}$/);
  client.send(Buffer.alloc(20_000_000));
  const { text, reset } = await client.end();
  t.match(text, FORBIDDEN);
  t.equal(reset, false);
});

t.test("a client that resets while its upgrade is rejected has no effect on others", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const head = [
    "GET /hmr HTTP/1.1",
    "Host: h",
    "Authorization: users API-Key k",
    "Connection: Upgrade",
    "Upgrade: websocket",
  ];
  for (let i = 0; i < 50; i++) {
    const client = await rawConnect(front.port);
    client.socket.write(rawRequest(head), () => client.socket.resetAndDestroy());
    await client.end();
  }
  t.match(await rawExchange(front.port, rawRequest(head)), FORBIDDEN);
});

t.test("forwards a session's token, which is not a key", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  for (const value of ["JWT eyJ.e30.x", "Bearer abc", "Basic YTpi"]) {
    const head = ["GET /api/posts HTTP/1.1", "Host: h", `Authorization: ${value}`, "Connection: close"];
    t.match(await rawExchange(front.port, rawRequest(head)), /^HTTP\/1\.1 200 OK/, value);
    t.equal(origin.seen.at(-1)?.headers.authorization, value);
  }
});

t.test("logs a rejection under the request id in the response", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const head = [
    "GET /api/posts HTTP/1.1",
    "Host: h",
    "Authorization: users API-Key secret",
    "Connection: close",
  ];
  const answer = await rawExchange(front.port, rawRequest(head));
  t.match(answer, /"requestId":"id-1"/);
  t.match(front.failures, [{ requestId: "id-1", method: "GET", code: "native.keyed" }]);
  t.notMatch(JSON.stringify(front.failures), /secret/);
});
