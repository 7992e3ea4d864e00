// Attack: bytes that one server reads as one request and the next server as two, or with another length or
// version.
// Amplifier: the rest of one partner's request becomes the beginning of the next partner's, with that
// partner's key.
// Defence: the gateway rejects an ambiguous message and closes the connection. The CMS receives a message
// with new framing.
import tap from "tap";

import { bodyOf, POSTS, startWireOfA, statuses } from "../support/partner-a.ts";
import { chunked, rawConnect, rawExchange, rawRequest } from "../support/raw.ts";

const { common: COMMON, port, reached } = await startWireOfA(tap);

/** Requests whose end or meaning is ambiguous. `SMUGGLED` follows one possible end. */
const SMUGGLED = "GET /api/users HTTP/1.1\r\nHost: x\r\n\r\n";
const AMBIGUOUS: Readonly<Record<string, readonly [readonly string[], string]>> = {
  "length and chunks": [["Content-Length: 5", "Transfer-Encoding: chunked"], `0\r\n\r\n${SMUGGLED}`],
  "chunks and length": [["Transfer-Encoding: chunked", "Content-Length: 5"], `0\r\n\r\n${SMUGGLED}`],
  "two lengths": [["Content-Length: 2", "Content-Length: 40"], `{}${SMUGGLED}`],
  "two like lengths": [["Content-Length: 2", "Content-Length: 2"], "{}"],
  "a list of lengths": [["Content-Length: 2, 2"], "{}"],
  "a length with a sign": [["Content-Length: +2"], "{}"],
  "a length in hex": [["Content-Length: 0x2"], "{}"],
  "a negative length": [["Content-Length: -1"], "{}"],
  "a huge length": [["Content-Length: 99999999999999999999"], "{}"],
  "chunks that are not the last coding": [["Transfer-Encoding: chunked, identity"], chunked("{}")],
  "an unknown coding": [["Transfer-Encoding: xchunked"], chunked("{}")],
  "a coding beside chunks": [["Transfer-Encoding: gzip, chunked"], chunked("{}")],
  "two codings": [["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], chunked("{}")],
  "a coding with a tab before its colon": [["Transfer-Encoding\t: chunked"], chunked("{}")],
  "a name with a space": [["X Basker: 3"], ""],
  "a space before a colon": [["x-basker-tenant-id : 3"], ""],
  "a folded line": [["X-A: b", " x-basker-tenant-id: 3"], ""],
  "a line without a colon": [["x-basker-tenant-id"], ""],
  "a NUL in a value": [["x-basker-tenant-slug: tenant-a\0"], ""],
  "a bare CR in a value": [["x-a: b\rx-basker-tenant-id: 3"], ""],
  "an invalid chunk size": [["Transfer-Encoding: chunked"], "zz\r\n{}\r\n0\r\n\r\n"],
};

await tap.test("rejects an ambiguous request and closes its connection", async (t) => {
  for (const [name, [lines, body]] of Object.entries(AMBIGUOUS)) {
    // A GET is answered before its body is read, so a fault in the body shows too late for a rejection.
    for (const method of lines[0] === "Transfer-Encoding: chunked" ? ["POST"] : ["POST", "GET"]) {
      const text = await rawExchange(
        port,
        rawRequest([`${method} ${POSTS} HTTP/1.1`, ...COMMON, ...lines], body),
      );
      t.strictSame(statuses(text), [400], `${method} with ${name}`);
      t.match(bodyOf(text), { error: "Bad Request", message: "Malformed request" }, `${method} with ${name}`);
      t.equal(reached(t, name), 0, name);
    }
  }
});

await tap.test("rejects an invalid or second Host; HTTP/1.0 may omit it", async (t) => {
  const [, ...common] = COMMON;
  t.match(COMMON[0], /^Host: /);
  for (const hosts of [
    [],
    ["Host:"],
    ["Host: a", "Host: a"],
    ["Host: a, b"],
    ["Host: a b/@c"],
    ["Host: u@a"],
  ]) {
    const head = [`GET ${POSTS}?limit=1 HTTP/1.1`, ...hosts, ...common];
    const text = await rawExchange(port, rawRequest([...head, "Connection: close"]));
    t.strictSame(statuses(text), [400], hosts.join());
    t.match(bodyOf(text), { error: "Bad Request", message: "Malformed request", requestId: String });
    t.match(text, /\r\nx-request-id: /i);
  }
  t.equal(reached(t, "hosts"), 0);
  const old = await rawExchange(port, rawRequest([`GET ${POSTS}?limit=1 HTTP/1.0`, ...common]));
  t.strictSame(statuses(old), [200]);
});

await tap.test("rejects CONNECT with the error envelope", async (t) => {
  for (const target of ["cms:443", POSTS]) {
    const text = await rawExchange(port, rawRequest([`CONNECT ${target} HTTP/1.1`, ...COMMON]));
    t.strictSame(statuses(text), [400], target);
    t.match(bodyOf(text), { message: "Malformed request", requestId: String });
  }
});

await tap.test("the bytes after a body are a separate request, with its own checks", async (t) => {
  const body = '{"title":"x"}';
  const client = await rawConnect(port);
  const keyed = rawRequest(["GET /api/users HTTP/1.1", ...COMMON]);
  client.send(
    rawRequest([`POST ${POSTS}?depth=0 HTTP/1.1`, ...COMMON, `Content-Length: ${body.length}`], body + keyed),
  );
  client.send(
    rawRequest(
      [`POST ${POSTS}?depth=0 HTTP/1.1`, ...COMMON, "Transfer-Encoding: chunked"],
      chunked(body) + keyed,
    ),
  );
  client.send(rawRequest([`DELETE ${POSTS}/49 HTTP/1.1`, ...COMMON, "Connection: close"]));
  t.strictSame(statuses((await client.end()).text), [201, 403, 201, 403, 404]);
  t.equal(reached(t, "a pipeline"), 3);
});

await tap.test("an unread body does not become the next request", async (t) => {
  const cases = [
    [`${POSTS}/49`, 404],
    ["/partners/2026-02/tenant-c/posts", 404],
    ["/partners/1999-01/tenant-a/posts", 400],
  ] as const;
  // All at once, because the gateway waits some time for the rest of each body before it closes the
  // connection.
  const texts = cases.map(([target]) => {
    const head = [`POST ${target} HTTP/1.1`, ...COMMON, `Content-Length: ${SMUGGLED.length + 9}`];
    return rawExchange(port, rawRequest(head, SMUGGLED));
  });
  for (const [i, [target, status]] of cases.entries())
    t.strictSame(statuses((await texts[i]) ?? ""), [status], target);
  t.equal(reached(t, "unread bodies"), 0);
});

await tap.test("a request of another HTTP version gets the same response as HTTP/1.1, or none", async (t) => {
  for (const version of [
    "HTTP/1.0",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/3.0",
    "HTTP/1.2",
    "HTTP/1.1.1",
    "http/1.1",
    "ICY/1.0",
    "",
  ]) {
    for (const [path, method] of [
      [`${POSTS}/2`, "GET"],
      [`${POSTS}/49`, "DELETE"],
      ["/api/posts/2", "GET"],
    ] as const) {
      const text = await rawExchange(
        port,
        rawRequest([`${method} ${path} ${version}`, ...COMMON, "Connection: close"]),
      );
      const [status] = statuses(text);
      const isOwn = path === `${POSTS}/2`;
      t.ok(
        status === 400 || status === (isOwn ? 200 : path === "/api/posts/2" ? 403 : 404),
        `${version} ${path}: ${status}`,
      );
      if (status === 200) t.match(bodyOf(text), { id: 2, tenant: 1 });
    }
  }
  for (const line of [`get ${POSTS} HTTP/1.1`, "PRI * HTTP/2.0", "GET", `GET${POSTS} HTTP/1.1`]) {
    t.strictSame(statuses(await rawExchange(port, rawRequest([line, ...COMMON]))), [400], line);
  }
  reached(t, "versions");
});

await tap.test("rejects chunked coding in HTTP/1.0 as bad framing (RFC 9112, 6.1)", async (t) => {
  for (const target of [POSTS, `${POSTS}?draft=true`]) {
    const head = [`POST ${target} HTTP/1.0`, ...COMMON, "Transfer-Encoding: chunked"];
    t.strictSame(statuses(await rawExchange(port, rawRequest(head, chunked('{"title":"x"}')))), [400]);
  }
  t.equal(reached(t, "chunks"), 0);
});
