/**
 * Attack: request headers that state what the gateway, the client's address or Next.js itself would state, or
 * that make a hop drop one.
 * Amplifier: spellings that only the CMS reads as the same name, and events that a proxy library does not
 * emit for every request.
 * Defence: the gateway removes all such headers by their folded names before the call, and sets its own
 * headers last.
 */
import t from "tap";
import { answersAndCloses, badOrigin } from "../support/bad-origin.ts";
import { startKept } from "../support/kept.ts";
import { rawConnect, rawExchange, rawRequest } from "../support/raw.ts";
import { type Origin, startFront, startOrigin } from "../unit/http/proxy/front.ts";

const ADDRESS = { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-host": "h" };

/** Sends a request with these header lines and returns the headers that the origin received. */
async function seenBy(
  origin: Origin,
  port: number,
  lines: readonly string[],
): Promise<NodeJS.Dict<string | string[]>> {
  await rawExchange(port, rawRequest(["GET /api HTTP/1.1", "Host: h", ...lines, "Connection: close"]));
  return origin.seen.at(-1)?.headers ?? {};
}

t.test("Expect: 100-continue does not carry a reserved header past its removal", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const head = [
    "POST /api/posts HTTP/1.1",
    "Host: h",
    "Expect: 100-continue",
    "X-Basker-Tenant-Id: 7",
    "X-Request-Id: mine",
    "Content-Length: 2",
    "Connection: close",
  ];
  const answer = await rawExchange(front.port, rawRequest(head, "{}"));
  t.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  const headers = origin.seen[0]?.headers ?? {};
  t.equal(headers["expect"], undefined);
  t.equal(headers["x-basker-tenant-id"], undefined);
  t.equal(headers["x-request-id"], "id-1");
  t.equal(origin.seen[0]?.body, "{}");
});

t.test("removes a reserved name in every spelling", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  for (const name of [
    "x-basker-tenant-id",
    "X_Basker_Tenant_Id",
    "x.basker-TENANT_slug",
    "X_REQUEST.ID",
    "x-request_id",
  ]) {
    const headers = await seenBy(origin, front.port, [`${name}: forged`]);
    t.notMatch(JSON.stringify(headers), /forged/, name);
    t.match(headers["x-request-id"], /^id-\d+$/);
  }
});

t.test("removes a reserved name from an upgrade as well", async (t) => {
  const origin = await badOrigin(answersAndCloses("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  const lines = ["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade, x-request-id", "Upgrade: websocket"];
  await rawExchange(
    front.port,
    rawRequest([...lines, "X-Basker_Tenant-Id: forged", "X-Forwarded-For: 6.6.6.6", "TE: trailers"]),
  );
  t.notMatch(origin.received[0], /forged|6\.6\.6\.6|trailers/);
  t.match(origin.received[0], /\r\nx-request-id: id-1\r\n/);
  t.match(origin.received[0], /\r\nconnection: upgrade\r\nupgrade: websocket\r\n/);
});

t.test("a Connection header removes the client's headers and none of the gateway's", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const nominated = [
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "host",
    "X-Mine",
    "accept",
  ];
  await rawExchange(
    front.port,
    rawRequest([
      "GET /api HTTP/1.1",
      "Host: h",
      "X-Mine: 1",
      "Accept: a/b",
      `Connection: close, ${nominated.join(", ")}`,
    ]),
  );
  const headers = origin.seen[0]?.headers ?? {};
  t.match(headers, { ...ADDRESS, host: "h", "x-request-id": "id-1" });
  t.equal(headers["x-mine"], undefined);
  t.equal(headers["accept"], undefined);
});

t.test("removes the client's hop-by-hop headers", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const lines = [
    "Keep-Alive: timeout=9",
    "TE: trailers",
    "Proxy-Authorization: Basic x",
    "Proxy-Connection: close",
    "Trailer: x",
  ];
  const headers = await seenBy(origin, front.port, [...lines, "Keep_Alive: timeout=9"]);
  for (const name of [
    "keep-alive",
    "keep_alive",
    "te",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
  ]) {
    t.equal(headers[name], undefined, name);
  }
});

t.test("removes the CMS's hop-by-hop headers", async (t) => {
  const head = [
    "HTTP/1.1 200 OK",
    "Connection: close, X-Hop",
    "X-Hop: 1",
    "Keep-Alive: timeout=77",
    "Proxy-Authenticate: Basic",
    "Upgrade: h2c",
    "X-Request-Id: theirs",
    "X-Kept: 1",
    "Content-Length: 2",
  ];
  const origin = await badOrigin(answersAndCloses(rawRequest(head, "ok")));
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  const client = await rawConnect(front.port);
  client.send(rawRequest(["GET /api HTTP/1.1", "Host: h"]));
  const answer = await client.until(/ok$/);
  client.socket.destroy();
  t.notMatch(answer, /x-hop|timeout=77|proxy-authenticate|upgrade|theirs|connection: close/i);
  t.match(answer, /\r\nX-Kept: 1\r\n/);
  t.match(answer, /\r\nx-request-id: id-1\r\n/);
});

t.test(
  "a client that closes its connection does not close the one to the CMS, and gets no Keep-Alive header",
  async (t) => {
    const { origin, front } = await startKept(t);
    for (let i = 0; i < 5; i++) {
      const answer = await rawExchange(
        front.port,
        rawRequest(["GET /api HTTP/1.1", "Host: h", "Connection: close"]),
      );
      t.match(answer, /\r\nConnection: close\r\n/);
      t.equal(origin.seen.at(-1)?.headers.connection, "keep-alive");
    }
    t.equal(origin.connections(), 1);
  },
);

t.test("replaces what an untrusted peer says about the client by the address of its socket", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const names = [
    "Forwarded",
    "X-Forwarded-For",
    "X_Forwarded_For",
    "X.Forwarded.Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
  ];
  const more = [
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "X-Real-IP",
    "X_Real_Ip",
    "True-Client-IP",
    "CF-Connecting-IP",
  ];
  const headers = await seenBy(
    origin,
    front.port,
    [...names, ...more].map((name) => `${name}: 6.6.6.6`),
  );
  t.notMatch(JSON.stringify(headers), /6\.6\.6\.6/);
  t.match(headers, { ...ADDRESS, "x-forwarded-port": String(front.port) });
});

t.test("keeps what a trusted peer says about the client and appends the peer", async (t) => {
  const asked: string[] = [];
  const isTrustedPeer = (address: string): boolean => asked.push(address) > 0;
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url, { isTrustedPeer });
  const lines = [
    "X-Forwarded-For: 9.9.9.9",
    "X-Forwarded-For: 8.8.8.8",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: www",
  ];
  const headers = await seenBy(origin, front.port, [
    ...lines,
    "X-Real-IP: 9.9.9.9",
    "X_Forwarded_For: 6.6.6.6",
  ]);
  t.match(headers, {
    "x-forwarded-for": "9.9.9.9, 8.8.8.8, 127.0.0.1",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "www",
    "x-real-ip": "9.9.9.9",
  });
  t.equal(headers["x_forwarded_for"], undefined, "the CMS would read an alias with the client's value");
  t.strictSame(asked, ["127.0.0.1"]);
  t.match(await seenBy(origin, front.port, []), ADDRESS, "missing values are filled in");
});
