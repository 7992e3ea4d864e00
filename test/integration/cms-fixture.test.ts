import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

import tap, { type Test } from "tap";
import { WebSocket } from "ws";

import { clientOf, rawExchange } from "../support/cms/client.ts";
import { USERS } from "../support/cms/keys.ts";
import { startCms } from "../support/cms/server.ts";

const cms = await startCms();
tap.teardown(() => cms.close());
tap.beforeEach(() => cms.takeRequests());

const authorization = `users API-Key ${cms.keys.partnerA}`;

const { call, json, write } = clientOf(cms.url, authorization);

/** GETs each path and compares the answer. */
async function reads(t: Test, expected: Record<string, object>): Promise<void> {
  for (const [path, pattern] of Object.entries(expected)) t.match(await json(path), pattern, path);
}

/** The user that the CMS reports for this Authorization header. */
async function me(value: string): Promise<unknown> {
  return (await json("/api/users/me?depth=0", { headers: { authorization: value } }))["user"];
}

/** Resolves with the raw answer to a target that no HTTP client would send unchanged. */
async function raw(target: string, method = "GET"): Promise<string> {
  const head = ["Host: cms", `Authorization: ${authorization}`, "Connection: close"];
  return rawExchange(cms.port, [`${method} ${target} HTTP/1.1`, ...head]);
}

await tap.test("a user logs in by password", async (t) => {
  const { email, password } = USERS.admin;
  const { token } = await write("POST", "/api/users/login", { email, password });
  t.type(token, "string");
  t.match(await me(`JWT ${String(token)}`), { email, _strategy: "local-jwt" });
});

await tap.test("a key identifies a user, and only in the exact scheme", async (t) => {
  t.match(await me(authorization), { id: 2, email: "partner-a@cms.test", tenants: [{ tenant: 1 }] });
  t.match(await me(`users API-Key ${cms.keys.partnerAC}`), { tenants: [{ tenant: 1 }, { tenant: 3 }] });
  t.match(await me(`users API-Key ${cms.keys.service}`), { roles: ["super-admin"], tenants: [] });
  for (const scheme of ["users api-key ", "Users API-Key ", "users API-Key  ", "Bearer "]) {
    t.equal(await me(scheme + cms.keys.partnerA), null, scheme);
  }
  for (const key of [cms.keys.disabled, "unknown"]) t.equal(await me(`users API-Key ${key}`), null, key);
});

await tap.test("every tenant has its records", async (t) => {
  for (const collection of ["pages", "events", "venues", "posts"]) {
    const count = `/api/${collection}/count`;
    await reads(t, { [count]: { totalDocs: 96 }, [`${count}?where[tenant][equals]=3`]: { totalDocs: 24 } });
  }
  await reads(t, {
    "/api/media/count": { totalDocs: 12 },
    "/api/pages?limit=1&depth=0": { docs: [{ id: 96, tenant: 4, title: "D page 24" }], limit: 1 },
    "/api/pages/versions?where[parent][equals]=25&depth=0": { docs: [{ version: { tenant: 2 } }] },
    "/api/pages/3?locale=de&depth=0": { title: "A Seite 3" },
    "/api/pages/1?locale=de&depth=0": { title: "A page 1" },
  });
});

await tap.test("an id is read by parseFloat", async (t) => {
  const spellings = ["1", "1abc", "1.0", "01", "%201", "1%2F2"].map((id) => `/api/pages/${id}?depth=0`);
  await reads(t, Object.fromEntries(spellings.map((path) => [path, { id: 1, title: "A page 1" }])));
  t.equal((await call("/api/pages/abc")).status, 500);
  t.equal((await call("/api/pages/99999")).status, 404);
});

await tap.test("relations point across tenants, and joins list foreign records", async (t) => {
  await reads(t, {
    "/api/events/2?depth=1": { tenant: { id: 1 }, venue: { id: 26, tenant: 2 } },
    "/api/events/3?depth=0": { venue: 51 },
    "/api/pages/3?depth=1": { hero: { tenant: 3 } },
    "/api/pages/2?depth=1": {
      related: [{ value: { tenant: 3 } }, { relationTo: "pages", value: { tenant: 2 } }],
    },
    "/api/venues/4?depth=0": { tenant: 1, events: { docs: [52, 4] } },
  });
  t.match(await write("PATCH", "/api/events/5?depth=1", { venue: 27 }), {
    doc: { venue: { tenant: 2 } },
  });
});

await tap.test("a reset restores the seeded data", async (t) => {
  await call("/api/events/1", { method: "DELETE" });
  t.match(await write("PATCH", "/api/events/25", { tenant: 1, title: "moved" }), {
    doc: { tenant: { id: 1 } },
  });
  await cms.reset();
  await reads(t, {
    "/api/events/1?depth=0": {
      title: "A event 1",
      location: { city: "Bergen" },
      layout: [{ text: "A quote 1" }],
    },
    "/api/events/25?depth=0": { tenant: 2, title: "B event 1" },
  });
  t.match(await write("POST", "/api/events", { tenant: 1, title: "new", startDate: "2031-01-01" }), {
    doc: { id: 97 },
  });
});

await tap.test("a failed write reports each field, and a failed bulk write only a message", async (t) => {
  t.match(await write("POST", "/api/events", { tenant: 1 }), {
    errors: [{ name: "ValidationError", data: { errors: [{ path: "title" }, { path: "startDate" }] } }],
  });
  t.match(await write("PATCH", "/api/events/1", { code: "A-002" }), {
    errors: [{ data: { errors: [{ path: "code" }] } }],
  });
  t.match(await write("PATCH", "/api/events?where[id][in]=6,7&depth=0", { code: "SAME" }), {
    docs: [{ id: 7, code: "SAME" }],
    errors: [{ id: 6, isPublic: true, message: "The following field is invalid: code" }],
    message: "Unable to update 1 out of 2 Events.",
  });
});

await tap.test("a dotted key in a body, and a double underscore in a query, are read as paths", async (t) => {
  t.match(await write("PATCH", "/api/events/8?depth=0", { "tenant.id": 2 }), { doc: { tenant: 2 } });
  t.match(await write("PATCH", "/api/events/8?depth=0", { tenant: 1, "tenant.id": 2 }), {
    doc: { tenant: 1 },
  });
  t.match(await json("/api/events/count?where[tenant__slug][equals]=tenant-c"), { totalDocs: 24 });
});

await tap.test("files can be uploaded and downloaded, also by ranges", async (t) => {
  const bytes = Buffer.alloc(3_000_000, "abcdefghij");
  const form = new FormData();
  form.set("_payload", JSON.stringify({ tenant: 1, title: "Large" }));
  form.set("file", new Blob([bytes], { type: "application/octet-stream" }), "large.bin");
  const { doc } = await json("/api/files?depth=0", { method: "POST", body: form });
  t.match(doc, { filename: "large.bin", filesize: bytes.length, url: "/api/files/file/large.bin" });
  const [request] = cms.takeRequests();
  t.ok(request && request.bodyBytes > bytes.length, "the size of a large body is recorded");
  t.equal(request?.body, undefined, "and its bytes are not");

  t.ok(bytes.equals(Buffer.from(await (await call("/api/files/file/large.bin")).arrayBuffer())));
  const part = await call("/api/files/file/large.bin", { headers: { range: "bytes=5-8" } });
  t.equal(part.status, 206);
  t.equal(part.headers.get("content-range"), `bytes 5-8/${bytes.length}`);
  t.equal(await part.text(), "fghi");
  t.equal((await call("/api/media/file/b-1.png")).headers.get("content-type"), "image/png");
});

await tap.test("accepts a chunked body, and can refuse a body without reading it", async (t) => {
  const body = Readable.toWeb(
    Readable.from([Buffer.from('{"tenant":1,'), Buffer.from('"title":"chunked"}')]),
  );
  const headers = { "content-type": "application/json" };
  t.match(await json("/api/posts?depth=0", { method: "POST", headers, body, duplex: "half" }), {
    doc: { title: "chunked" },
  });
  const refused = await call("/api/nosuch", { method: "POST", headers, body: `"${"x".repeat(500_000)}"` });
  t.equal(refused.status, 404);
});

await tap.test("serves GraphQL by POST only", async (t) => {
  const query = "{ Pages(where: {tenant: {equals: 2}}, limit: 1) { totalDocs docs { id tenant { name } } } }";
  t.same(await write("POST", "/api/graphql", { query }), {
    data: { Pages: { totalDocs: 24, docs: [{ id: 48, tenant: { name: "Tenant B" } }] } },
  });
  t.match(await write("POST", "/api/graphql", { query: "{ nosuch }" }), {
    errors: [{ message: /nosuch/ }],
  });
  t.equal((await call("/api/graphql?query={__typename}")).status, 405);
  t.equal((await call("/api/GraphQL", { method: "POST", body: "{}" })).status, 404);
});

await tap.test("treats paths as the server in front of a real Payload does", async (t) => {
  const partnerA = /"email":"partner-a@cms.test"/;
  const page = /^HTTP\/1.1 404 [^]*<html>/;
  const moved = /^HTTP\/1.1 308 [^]*location: \/api\/pages\r\n/i;
  const expected: Record<string, RegExp> = {
    "/api//pages": moved,
    "//api/pages": moved,
    "/api\\pages": moved,
    "/api/pages/": moved,
    "/api/pages/../users/me": partnerA,
    "/api/pages/%2e%2E/users/ME": partnerA,
    "/api/us%65rs/m%65": partnerA,
    "/api/pages%2F1": /^HTTP\/1.1 404 [^]*Route not found/,
    "/API/pages": page,
    "/%61pi/pages": page,
    "/api": page,
    "/": page,
    "/api/pages/%zz": /^HTTP\/1.1 500 [^]*<html>/,
    "/admin": /^HTTP\/1.1 200 [^]*<html>/,
    [`/api/pages?${"a".repeat(17_000)}`]: /^HTTP\/1.1 431 /,
  };
  for (const [target, pattern] of Object.entries(expected))
    t.match(await raw(target), pattern, target.slice(0, 40));
  t.match(await raw("/api/pages", "HEAD"), /^HTTP\/1.1 404 [^]*\r\n\r\n$/);
});

await tap.test("compresses JSON for a client that accepts gzip", async (t) => {
  const answer = await call("/api/pages/1", { headers: { "accept-encoding": "gzip" } });
  t.equal(answer.headers.get("content-encoding"), "gzip");
  t.match(answer.headers.get("vary"), /Accept-Encoding$/);
  t.match(await answer.json(), { id: 1 });
});

await tap.test("a WebSocket echoes", async (t) => {
  const socket = new WebSocket(`ws://127.0.0.1:${cms.port}/_next/webpack-hmr?id=1`);
  await once(socket, "open");
  socket.send("hello");
  const [data] = await once(socket, "message");
  t.equal(String(data), "hello");
  socket.close();
  t.match(cms.takeRequests(), [{ method: "GET", path: "/_next/webpack-hmr?id=1", upgrade: true }]);
});

await tap.test("records every request that reaches the CMS", async (t) => {
  await write("POST", "/api/posts?depth=0", { tenant: 1, title: "ø" });
  const [request, ...others] = cms.takeRequests();
  t.same(others, []);
  t.match(request, { method: "POST", path: "/api/posts?depth=0", headers: { authorization } });
  t.match(request, { body: '{"tenant":1,"title":"ø"}', bodyBytes: 25 });
  t.ok(request?.rawHeaders.includes(authorization));
  t.same(cms.requests, []);
  cms.recording = false;
  await call("/api/posts/1");
  cms.recording = true;
  t.same(cms.requests, []);
});

await tap.test("also runs as a separate process, and exits on SIGTERM", async (t) => {
  const main = fileURLToPath(new URL("../support/cms/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "--access", "tight"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  t.match(JSON.parse(String(line)), { url: /^http:/, port: Number, access: "tight", pid: child.pid });
  child.kill("SIGTERM");
  t.same(await once(child, "exit"), [0, null]);
});

await tap.test("a second CMS in the same process is independent, and can have tight access", async (t) => {
  const tight = await startCms({ access: "tight" });
  t.teardown(() => tight.close());
  t.same(await clientOf(tight.url, authorization).json("/api/pages/count"), { totalDocs: 24 });
  await tight.payload.delete({ collection: "posts", id: 1 });
  t.match(await json("/api/posts/1?depth=0"), { id: 1 });
});
