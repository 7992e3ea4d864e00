// Attack: headers and parameters that present a request to the CMS as another: another method, path, user or
// tenant.
// Amplifier: Payload re-runs a POST as GET if a header says so and appends its body to the URL. Next.js has
// headers of its own.
// Defence: the request to the CMS starts with no headers and with the gateway's method. Nothing of the
// client's is copied.
import tap, { type Test } from "tap";

import { type Sent, words } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";
import { startPartnerA } from "../support/partner-a.ts";

const { site, a, lawful } = await startPartnerA(tap);

const OVERRIDES = words(`
    X-HTTP-Method-Override X-Payload-HTTP-Method-Override X-HTTP-Method X-Method-Override
    X-Original-Method x_http_method_override X.Http.Method.Override _method X-Forwarded-Method
  `);

/** Sends a request and asserts that the CMS received the same method, in scope. Returns the status. */
async function goesAs(t: Test, line: string, sent: Sent): Promise<number> {
  const [method = "", path = ""] = line.split(" ");
  const { status } = await a.ask(method, path, sent);
  const requests = lawful(t, `${method} ${path}`);
  const own = requests.filter((request) => !/^\/api\/(?:users\/me|tenants)\?/.test(request.path));
  const expected = method === "PUT" ? "PATCH" : method === "HEAD" ? "GET" : method;
  t.ok(
    own.every((request) => request.method === "GET" || request.method === expected),
    `${method} ${path}`,
  );
  return status;
}

await tap.test("no header or parameter changes the method", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const name of OVERRIDES) {
    for (const verb of ["GET", "DELETE", "PATCH", "POST", "get"]) {
      const headers = { [name]: verb };
      t.equal(await goesAs(t, "GET tenant-a/posts/1", { headers }), 200);
      t.equal(await goesAs(t, "GET tenant-a/posts/49", { headers }), 404);
      t.equal(await goesAs(t, "DELETE tenant-a/posts/49", { headers }), 404);
      t.equal(await goesAs(t, "POST tenant-a/posts/49", { headers, body: { title: "x" } }), 404);
      t.equal(
        await goesAs(t, `GET tenant-a/posts/1?_method=${verb}&method=${verb}&${name}=${verb}`, {}),
        200,
      );
    }
  }
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});

await tap.test("a POST stays a POST of JSON, whatever the form of its body", async (t) => {
  const forms = [
    "where[tenant][equals]=3&depth=0",
    "x=1&where[or][0][tenant][equals]=3",
    '{"locale":"en&where[tenant][equals]=3&depth=0"}',
    '{"where":{"tenant":{"equals":3}},"depth":0,"select":{"title":true}}',
    "",
  ];
  for (const name of ["X-HTTP-Method-Override", "X-Payload-HTTP-Method-Override"]) {
    for (const type of ["application/x-www-form-urlencoded", "application/json", "text/plain"]) {
      for (const body of forms) {
        const sent = { headers: { [name]: "GET", "content-type": type }, body };
        const isObject = body.startsWith("{");
        const list = await a.ask("POST", "tenant-a/posts?where[tenant][equals]=1&depth=0", sent);
        t.equal(list.status, isObject ? 422 : 400, `${type} ${body}`);
        t.notOk("docs" in list.json);
        t.equal((await a.ask("POST", "tenant-a/posts/49", sent)).status, 404);
        const requests = lawful(t);
        for (const { method, path, headers } of requests.filter((each) =>
          each.path.startsWith("/api/posts"),
        )) {
          t.equal(method, "POST");
          t.equal(path, "/api/posts?depth=0");
          t.equal(headers["content-type"], "application/json");
        }
      }
    }
  }
});

/** Headers that some server, framework or proxy takes for an instruction or an identity. */
const MAGIC: Readonly<Record<string, string>> = {
  "x-middleware-subrequest": "middleware:middleware:middleware:middleware:middleware",
  "x-middleware-rewrite": "/api/users",
  "x-middleware-prefetch": "a-word-of-the-client",
  "x-nextjs-data": "a-word-of-the-client",
  "x-invoke-path": "/api/users",
  "x-matched-path": "/api/users",
  "x-now-route-matches": "a-word-of-the-client",
  rsc: "a-word-of-the-client",
  "next-router-prefetch": "a-word-of-the-client",
  "next-action": "x",
  "x-original-url": "/api/users",
  "x-rewrite-url": "/api/users",
  "x-forwarded-uri": "/api/users",
  "x-forwarded-prefix": "/api/users",
  "x-forwarded-path": "/api/users",
  "x-forwarded-host": "evil.example",
  "x-forwarded-proto": "https",
  "x-forwarded-for": "127.0.0.1",
  forwarded: "for=127.0.0.1;host=evil.example",
  "x-real-ip": "127.0.0.1",
  "x-forwarded-user": "admin@cms.test",
  "x-forwarded-email": "admin@cms.test",
  x_forwarded_email: "admin@cms.test",
  "x-user-id": "a-word-of-the-client",

  "x.basker.tenant.id": "3",
  "X-Basker_Tenant-Slug": "tenant-c",
  "x-basker-tenant-ids": "3",
  "x-payload-tenant": "3",
  "payload-tenant": "3",
  cookie: "payload-tenant=3; payload-token=x",
  cookie2: "$Version=1",
  range: "bytes=0-3",
  "if-match": "*",
  "if-none-match": "*",
  "if-modified-since": "Thu, 01 Jan 2099 00:00:00 GMT",
  "accept-language": "de",
  "accept-encoding": "gzip, br",
  accept: "text/html",
  origin: "https://evil.example",
  referer: "https://evil.example/",
  "user-agent": "evil",
  via: "1.1 evil",
  "x-request-id": "11111111-1111-4111-8111-111111111111",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "proxy-authorization": "Basic x",
  te: "trailers",
  "x-payload-migration": "true",
  "content-language": "de",
  "sec-fetch-site": "same-origin",
};

await tap.test("no header of the client reaches the CMS or changes the response", async (t) => {
  const before = await snapshotOf(site.cms);
  const plain = await a.ask("GET", "tenant-a/posts/1");
  site.cms.takeRequests();
  for (const [name, value] of Object.entries(MAGIC)) {
    const headers = { [name]: value };
    const reply = await a.ask("GET", "tenant-a/posts/1", { headers });
    t.equal(reply.status, 200, name);
    t.equal(reply.text, plain.text, name);
    t.equal(reply.headers["content-encoding"], undefined);
    t.not(reply.headers["x-request-id"], value);
    t.equal((await a.ask("DELETE", "tenant-a/posts/49", { headers })).status, 404, name);
    const requests = lawful(t, name);
    t.notOk(
      requests.some(({ rawHeaders }) => rawHeaders.includes(value)),
      name,
    );
  }
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});

await tap.test("all these headers together change nothing either", async (t) => {
  const headers = { ...MAGIC, ...Object.fromEntries(OVERRIDES.map((name) => [name, "DELETE"])) };
  t.equal((await a.ask("GET", "tenant-a/posts/1", { headers })).status, 200);
  t.match(await a.ask("PATCH", "tenant-a/posts/2?depth=0", { headers, body: { title: "x" } }), {
    status: 200,
    json: { id: 2, tenant: 1, title: "x" },
  });
  lawful(t);
});
