import tap from "tap";
import { startSite } from "../support/isolation.ts";
import { configFor, startTestGateway } from "../support/gateway.ts";
import { rawConnect, rawExchange, rawRequest } from "../support/raw.ts";
import { startOrigin } from "../unit/http/proxy/front.ts";

/** HTTP as its specifications require it, in cases that an earlier version of the gateway got wrong. */

const site = await startSite();
tap.teardown(() => site.close());
const { port } = site.gateway;
const KEY = `Authorization: users API-Key ${site.cms.keys.partnerA}`;
const POSTS = "/partners/2026-02/tenant-a/posts";

const post = (id: number) => site.cms.payload.findByID({ collection: "posts", id, depth: 0 });

await tap.test("a write without Content-Length or Transfer-Encoding is 400 without a wait", async (t) => {
  for (const [method, path] of [
    ["POST", POSTS],
    ["PATCH", `${POSTS}/1`],
    ["PUT", `${POSTS}/1`],
  ] as const) {
    const client = await rawConnect(port);
    client.send(rawRequest([`${method} ${path} HTTP/1.1`, "Host: h", KEY]));
    const text = await client.until(/"requestId":"[^"]+"\}/);
    t.match(text, /^HTTP\/1\.1 400 /, method);
    t.match(text, '"error":"Invalid JSON body"', method);
    // The connection stays usable: no byte of the request is left on it.
    client.send(rawRequest([`DELETE ${POSTS}/99999 HTTP/1.1`, "Host: h", KEY]));
    await client.until(/Document not found for tenant/);
    client.socket.destroy();
  }
});

await tap.test("extra bytes after a complete request do not affect its answer", async (t) => {
  const body = '{"title":"answered"}';
  const head = [`PATCH ${POSTS}/2 HTTP/1.1`, "Host: h", KEY, `Content-Length: ${body.length}`];
  for (const surplus of ["}", "\0\0\0", "GARBAGE\r\n\r\n", "GET"]) {
    for (const lines of [head, [...head, "Connection: close"]]) {
      await site.cms.payload.update({ collection: "posts", id: 2, data: { title: "before" } });
      const client = await rawConnect(port);
      client.send(rawRequest(lines, body + surplus));
      const text = await client.until(/"title":"answered"/);
      t.match(text, /^HTTP\/1\.1 200 /, JSON.stringify(surplus));
      client.socket.destroy();
      t.match(await post(2), { title: "answered" });
    }
  }
});

await tap.test("invalid framing gets a 400 before the connection closes", async (t) => {
  const bodies = {
    "another coding": rawRequest(["POST /api/posts HTTP/1.1", "Host: h", "Transfer-Encoding: gzip"], "abc"),
    "chunked and then another": rawRequest(
      ["POST /api/posts HTTP/1.1", "Host: h", "Transfer-Encoding: chunked, gzip"],
      "abc",
    ),
    "a bad chunk": rawRequest(
      ["POST /api/posts HTTP/1.1", "Host: h", "Transfer-Encoding: chunked"],
      "zz\r\n",
    ),
    "a bad chunk after a good one": rawRequest(
      ["POST /api/posts HTTP/1.1", "Host: h", "Transfer-Encoding: chunked"],
      "1\r\na\r\nzz\r\n",
    ),
  };
  for (const [name, bytes] of Object.entries(bodies)) {
    const text = await rawExchange(port, bytes);
    t.match(text, /^HTTP\/1\.1 400 /, name);
    t.match(text, /connection: close/i, name);
    t.match(text, '"error":"Bad Request"', name);
  }
});

await tap.test(
  "an absolute-form target with the gateway's authority is treated as origin-form, by the same rules",
  async (t) => {
    const own = `127.0.0.1:${port}`;
    const ask = (target: string, more: readonly string[] = []) =>
      rawExchange(port, rawRequest([`GET ${target} HTTP/1.1`, `Host: ${own}`, "Connection: close", ...more]));
    t.match(await ask(`http://${own}${POSTS}/1?depth=0`, [KEY]), /^HTTP\/1\.1 200 [^]*"id":1/);
    t.match(await ask(`HTTP://${own.toUpperCase()}${POSTS}/1`, [KEY]), /^HTTP\/1\.1 200 /);
    t.match(await ask(`http://${own}/api/pages?limit=1`), /^HTTP\/1\.1 200 /);
    t.match(
      await ask(`http://${own}/api/pages?limit=1`, [KEY]),
      /^HTTP\/1\.1 403 /,
      "the rule on keys applies",
    );
    t.match(await ask(`http://${own}/api/..%2fpartners`), /^HTTP\/1\.1 400 /, "the rule on paths applies");
    t.match(await ask(`http://${own}/nosuch`), /^HTTP\/1\.1 404 /);
    t.match(await ask(`http://${own}`), /^HTTP\/1\.1 404 /);
    for (const authority of ["evil.example", `evil@${own}`, `${own}.evil.example`, ""]) {
      const text = await ask(`http://${authority}/api/pages?limit=1`);
      t.match(text, /^HTTP\/1\.1 40[04] /, authority);
    }
    const sent = site.cms.takeRequests().map(({ path }) => path);
    t.ok(sent.length > 0 && sent.every((path) => path.startsWith("/api/")), "the CMS receives origin-form");
  },
);

await tap.test("OPTIONS * is answered by the gateway itself", async (t) => {
  site.cms.takeRequests();
  const ask = (...lines: readonly string[]) =>
    rawExchange(port, rawRequest(["OPTIONS * HTTP/1.1", "Connection: close", ...lines]));
  t.match(
    await ask("Host: h"),
    /^HTTP\/1\.1 200 OK\r\n[^]*x-request-id: [0-9a-f-]{36}\r\n[^]*content-length: 0\r\n/i,
  );
  t.match(await ask("Host: h", KEY), /^HTTP\/1\.1 403 /);
  t.match(await ask("Host: a/b"), /^HTTP\/1\.1 404 /);
  t.match(
    await rawExchange(port, rawRequest(["GET * HTTP/1.1", "Host: h", "Connection: close"])),
    /^HTTP\/1\.1 404 /,
  );
  const everything = await startTestGateway(site.cms.url, { native: { prefixes: ["/"] } });
  t.teardown(() => everything.stop());
  const lines = ["OPTIONS * HTTP/1.1", "Host: h", "Connection: close"];
  t.match(await rawExchange(everything.port, rawRequest(lines)), /^HTTP\/1\.1 200 /);
  t.notOk(
    site.cms.takeRequests().some(({ method }) => method === "OPTIONS"),
    "the CMS receives no OPTIONS",
  );
});

await tap.test("a health check by HTTP/1.0 needs no Host", async (t) => {
  t.match(await rawExchange(port, rawRequest(["GET /api/pages?limit=1 HTTP/1.0"])), /^HTTP\/1\.1 200 /);
  const [request] = site.cms.takeRequests();
  t.equal(request?.headers.host, new URL(site.cms.url).host, "the CMS receives its own host name");
  t.notOk(request !== undefined && "x-forwarded-host" in request.headers);
  const odd = rawRequest(["GET /api/posts HTTP/1.0", "Host: a/b"]);
  t.match(await rawExchange(port, odd), /^HTTP\/1\.1 400 /, "a Host that is present must be valid");
  const without = rawRequest(["GET /api/posts HTTP/1.1"]);
  t.match(await rawExchange(port, without), /^HTTP\/1\.1 400 /, "HTTP/1.1 requires Host");
});

await tap.test("a long upstream response head passes, up to upstream.maxHeaderSize", async (t) => {
  const cookies = (count: number) => Array.from({ length: count }, (_, n) => `c${n}=${"x".repeat(3_900)}`);
  const origin = await startOrigin(t, (request, response) => {
    response.setHeader("set-cookie", cookies(Number(request.url?.split("/").at(-1))));
    response.end("whole");
  });
  const gateway = await startTestGateway(origin.url.href);
  t.teardown(() => gateway.stop());
  const ask = (port: number, count: number) =>
    rawExchange(port, rawRequest([`GET /api/${count} HTTP/1.1`, "Host: h", "Connection: close"]));
  const five = await ask(gateway.port, 5);
  t.match(five, /^HTTP\/1\.1 200 [^]*whole$/);
  for (const cookie of cookies(5)) t.ok(five.includes(`set-cookie: ${cookie}\r\n`));
  t.match(await ask(gateway.port, 20), /^HTTP\/1\.1 502 /);
  const larger = await startTestGateway(origin.url.href, { upstream: { maxHeaderSize: "128KiB" } });
  t.teardown(() => larger.stop());
  t.match(await ask(larger.port, 20), /^HTTP\/1\.1 200 [^]*whole$/);
});

await tap.test("103 Early Hints are forwarded to an HTTP/1.1 client", async (t) => {
  const link = "</style.css>; rel=preload; as=style";
  const { url } = await startOrigin(t, (_request, response) => {
    response.writeEarlyHints({ link });
    response.end("whole");
  });
  const gateway = await startTestGateway(url.href);
  t.teardown(() => gateway.stop());
  const ask = (version: string) =>
    rawExchange(gateway.port, rawRequest([`GET /api/x HTTP/${version}`, "Host: h", "Connection: close"]));
  t.match(
    await ask("1.1"),
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/style\.css>; rel=preload; as=style\r\n\r\nHTTP\/1\.1 200 [^]*whole$/,
  );
  t.match(await ask("1.0"), /^HTTP\/1\.1 200 [^]*whole$/);
});

await tap.test("cms.trailingSlash ends the paths of upstream requests with a slash", async (t) => {
  const origin = await startOrigin(t, (request, response) => {
    const [path = "", query = ""] = (request.url ?? "").split("?");
    if (!path.endsWith("/")) return void response.writeHead(308, { location: `${path}/?${query}` }).end();
    return void response.setHeader("content-type", "application/json").end('{"user":null}');
  });
  const ask = async (settings: Record<string, unknown>) => {
    const gateway = await startTestGateway(origin.url.href, settings);
    t.teardown(() => gateway.stop());
    const { status } = await fetch(`${gateway.url}${POSTS}`, {
      headers: { authorization: "users API-Key x" },
    });
    return status;
  };
  t.equal(await ask({}), 503, "a redirect is not an answer to a key lookup");
  t.equal(await ask({ cms: { trailingSlash: true } }), 401);
});

await tap.test("the settings reject an entry of harmlessPaths that covers all paths", (t) => {
  const settings = { cms: { harmlessPaths: ["/"] } };
  t.throws(() => configFor("http://cms.invalid", settings), { message: /harmlessPaths.*such as \/admin/ });
  t.end();
});
