import { gzipSync } from "node:zlib";
import tap from "tap";
import { handClock } from "../support/clock.ts";
import { USERS } from "../support/cms/keys.ts";
import { startCms } from "../support/cms/server.ts";
import { chunked, rawConnect, rawRequest } from "../support/raw.ts";
import { A, ROW, briefly, openHouse, refused, type Ask } from "./support-contract.ts";

/** Section 5 of the contract (bodies), and the answers of section 6 that the CMS gives to a body. */

const LIMIT = 1_048_576;

const cms = await startCms();
tap.teardown(() => cms.close());
const { ask, port } = await openHouse(tap, cms.url);
await ask(`GET ${A}/posts`);
tap.beforeEach(() => cms.takeRequests());

const WRITES = [`POST ${A}/posts`, `PATCH ${A}/posts/1`, `PUT ${A}/posts/1`];
const type = (value: string): string[] => ["Content-Type", value];
const head = (method: string, path: string, ...lines: string[]): string[] => [
  `${method} ${A}/${path} HTTP/1.1`,
  "Host: gateway",
  `Authorization: users API-Key ${cms.keys.partnerA}`,
  ...lines,
];

/** The record as stored in the CMS. */
const stored = (collection: "posts" | "events", id: number): Promise<unknown> =>
  cms.payload.findByID({ collection, id, depth: 0 });

/** A JSON object of exactly this many bytes. */
const objectOf = (bytes: number): string => `{"title":"padded"}${" ".repeat(bytes - 18)}`;

const FORM = '--b\r\nContent-Disposition: form-data; name="_payload"\r\n\r\n{"title":"x"}\r\n--b--\r\n';

await tap.test("answers 400 Invalid JSON body to an empty body and to all but a JSON object", async (t) => {
  const bodies: Record<string, Ask> = {
    "no body": {},
    empty: { body: "" },
    "white space": { body: " \r\n" },
    "not JSON": { body: "title=x" },
    "a list": { body: [] },
    "a list of objects": { body: [{ title: "x" }] },
    "a string": { body: '"x"' },
    "a number": { body: "1" },
    null: { body: "null" },
    true: { body: "true" },
    truncated: { body: '{"title":"x"' },
    "cut within a string": { body: '{"title":"x' },
    "two objects": { body: '{"title":"x"}{"title":"y"}' },
    "a comma too many": { body: '{"title":"x",}' },
    "a comment": { body: '{"title":"x"}// really' },
    "single quotes": { body: "{'title':'x'}" },
    "invalid UTF-8": { body: Buffer.from('{"title":"\u00ff"}', "latin1") },
    "UTF-16": { body: Buffer.from('{"title":"x"}', "utf16le") },
    multipart: { body: FORM, headers: type("multipart/form-data; boundary=b") },
    "a form": { body: "title=x", headers: type("application/x-www-form-urlencoded") },
    gzip: {
      body: gzipSync('{"title":"x"}'),
      headers: [...type("application/json"), "Content-Encoding", "gzip"],
    },
  };
  for (const [name, body] of Object.entries(bodies)) {
    for (const what of WRITES) refused(t, await ask(what, body), ROW.invalidBody, `${what}: ${name}`);
  }
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("reads a body as JSON whatever its Content-Type", async (t) => {
  const types = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "Application/JSON ; x",
    "multipart/form-data",
    "",
  ];
  for (const value of [...types, "application/json; charset=utf-16"]) {
    for (const what of WRITES) {
      const headers = value === "" ? [] : type(value);
      const answer = await ask(what, { body: '{"title":"typed"}', headers });
      t.match(answer, { status: Number, json: { title: "typed" } }, `${what}: ${value}`);
      t.equal(
        cms.takeRequests().at(-1)?.headers["content-type"],
        "application/json",
        "the CMS receives it as JSON",
      );
    }
  }
});

await tap.test("answers 413 Payload Too Large by the Content-Length, without reading the body", async (t) => {
  for (const what of WRITES) {
    const [method = "", path = ""] = what.replace(`${A}/`, "").split(" ");
    const client = await rawConnect(port);
    client.send(rawRequest(head(method, path, `Content-Length: ${LIMIT + 1}`, "Expect: 100-continue")));
    const text = await client.until(/\r\n\r\n\{.*\}$/s);
    t.match(text, /^HTTP\/1.1 413 /, what);
    t.match(text, `"error":"Payload Too Large","message":"Request body exceeds ${LIMIT} bytes"`);
    t.notMatch(text, "100 Continue", "the gateway does not ask for the body");
    t.match(await client.end(), { reset: false }, "the connection is closed");
  }
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("a client that sends its whole body before it reads still receives a 413", async (t) => {
  // After the answer, the gateway drains the client's bytes for two seconds. This clock does not advance.
  const still = await openHouse(t, cms.url, { clock: handClock() });
  await still.ask(`GET ${A}/posts`);
  cms.takeRequests();
  for (const body of [objectOf(LIMIT + 1), objectOf(8 * LIMIT)]) {
    for (const framed of [
      rawRequest(head("POST", "posts", `Content-Length: ${body.length}`), body),
      rawRequest(head("PATCH", "posts/1", "Transfer-Encoding: chunked"), chunked(body)),
    ]) {
      const client = await rawConnect(still.port);
      client.send(framed);
      const { text, reset } = await client.end();
      t.match(text, /^HTTP\/1.1 413 /);
      t.match(
        text,
        `{"error":"Payload Too Large","message":"Request body exceeds ${LIMIT} bytes","requestId"`,
      );
      t.match(text, /content-type: application\/json; charset=utf-8\r\n.*cache-control: no-store/is);
      t.equal(reset, false, "no reset, which could overtake the answer");
    }
  }
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("accepts a body of exactly the limit, and the limit is configurable", async (t) => {
  t.match(await ask(`POST ${A}/posts`, { body: objectOf(LIMIT) }), { status: 201 });
  const other = await openHouse(t, cms.url, { limits: { body: "100B" } });
  t.match(await other.ask(`POST ${A}/posts`, { body: objectOf(100) }), { status: 201 });
  const row = [413, "Payload Too Large", "Request body exceeds 100 bytes"] as const;
  refused(t, await other.ask(`POST ${A}/posts`, { body: objectOf(101) }), row);
});

await tap.test("drops the bodies of DELETE and of reads", async (t) => {
  const where = '{"where":{"id":{"exists":true}},"tenant":2}';
  const deleted = await ask(`DELETE ${A}/posts/2`, { body: where });
  t.match(deleted, { status: 200, json: { id: 2 } });
  t.match(await ask(`DELETE ${A}/posts/3`, { body: "not JSON" }), { status: 200, json: { id: 3 } });
  const client = await rawConnect(port);
  client.send(rawRequest(head("DELETE", "posts/4", "Transfer-Encoding: chunked"), chunked(where)));
  await client.until(/^HTTP\/1.1 200 .*"id":4.*\}$/s);
  client.socket.destroy();
  t.match(await ask(`GET ${A}/posts/5`, { body: where }), { status: 200, json: { id: 5 } });
  const requests = cms.takeRequests();
  t.same(
    requests.map(({ bodyBytes, headers }) => [
      bodyBytes,
      headers["transfer-encoding"],
      headers["content-type"],
    ]),
    requests.map(() => [0, undefined, undefined]),
    "no byte of them reached the CMS",
  );
  t.equal((await cms.payload.count({ collection: "posts", where: { id: { in: [2, 3, 4] } } })).totalDocs, 0);
});

await tap.test("ignores method overrides and never sends them to the CMS", async (t) => {
  const names = [
    "X-HTTP-Method-Override",
    "X-Payload-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
  ];
  const headers = names.flatMap((name) => [name, "DELETE"]);
  const created = await ask(`POST ${A}/posts?_method=DELETE`, {
    headers,
    body: { title: "x", _method: "GET" },
  });
  t.equal(created.status, 201);
  const get = names.flatMap((name) => [name, "GET"]);
  t.equal((await ask(`POST ${A}/posts?_method=GET`, { headers: get, body: { title: "x" } })).status, 201);
  t.match(await ask(`GET ${A}/posts/6?_method=DELETE`, { headers }), { status: 200, json: { id: 6 } });
  t.match(await ask(`PATCH ${A}/posts/6?_method=DELETE`, { headers, body: {} }), { status: 200 });
  t.match(await stored("posts", 6), { id: 6 }, "the record still exists");
  for (const { path, headers: sent } of cms.takeRequests()) {
    t.notMatch(`${path} ${JSON.stringify(sent)}`, /override|http-method|_method/i);
  }
});

await tap.test("answers 409 Conflict to a duplicate value of a unique field", async (t) => {
  const event = { title: "x", startDate: "2031-01-01" };
  refused(t, await ask(`POST ${A}/events`, { body: { ...event, code: "A-002" } }), ROW.conflict, "create");
  refused(t, await ask(`PATCH ${A}/events/1`, { body: { code: "A-002" } }), ROW.conflict, "update");
  refused(t, await ask(`PUT ${A}/events/1`, { body: { code: "C-001" } }), ROW.conflict, "another tenant's");
  const page = await ask(`POST ${A}/pages`, { body: { title: "x", slug: "page-1" } });
  refused(t, page, ROW.conflict, "unique together with the tenant");
});

await tap.test("answers 409 Conflict to a write of a document that another user has locked", async (t) => {
  await cms.payload.create({
    collection: "payload-locked-documents",
    data: {
      document: { relationTo: "events", value: 7 },
      user: { relationTo: "users", value: USERS.admin.id },
    },
  });
  const before = await stored("events", 7);
  refused(t, await ask(`PATCH ${A}/events/7`, { body: { title: "x" } }), ROW.conflict, "update");
  refused(
    t,
    await ask(`PATCH ${A}/events/7?overrideLock=true`, { body: { title: "x" } }),
    ROW.conflict,
    "with overrideLock",
  );
  refused(t, await ask(`DELETE ${A}/events/7`), ROW.conflict, "delete");
  t.same(await stored("events", 7), before);
  t.match(await ask(`GET ${A}/events/7`), { status: 200 }, "a locked document can be read");
});

await tap.test("422 Validation Failed has the path and the message of each field", async (t) => {
  const required = "This field is required.";
  const date = { path: "startDate", message: '"soon" is not a valid date.' };
  const cases: readonly (readonly [path: string, body: unknown, errors: unknown])[] = [
    ["posts", {}, [{ path: "title", message: required }]],
    ["posts", { tenant: null }, [{ path: "title", message: required }]],
    ["events", { startDate: "soon" }, [{ path: "title", message: required }, date]],
    ["media", { title: "no file" }, []],
  ];
  for (const [path, body, errors] of cases) {
    refused(t, await ask(`POST ${A}/${path}`, { body }), ROW.invalid, JSON.stringify(body), errors);
  }
});

await tap.test("422 Validation Failed names a field of an update by its path, as for a create", async (t) => {
  const long = "x".repeat(50_000);
  const bodies: Record<string, unknown> = {
    startDate: { title: "x", startDate: "soon", tenant: null },
    title: { title: "", startDate: "2031-01-01" },
    "location.city": { title: "x", startDate: "2031-01-01", location: { city: long } },
    "sessions_list.1.label": { title: "x", startDate: "2031-01-01", sessions_list: [{}, { label: long }] },
  };
  for (const [path, body] of Object.entries(bodies)) {
    for (const what of [`POST ${A}/events`, `PATCH ${A}/events/1`, `PUT ${A}/events/1`]) {
      const answer = await ask(what, { body });
      const { errors } = answer.json;
      refused(t, answer, ROW.invalid, `${what}: ${path}`, errors);
      t.match(errors, [{ path, message: /./ }], `${what}: ${path}`);
    }
  }
  const draft = await ask(`POST ${A}/pages?draft=true`, { body: {} });
  const body = { _status: "published" };
  const published = await ask(`PATCH ${A}/pages/${String(draft.json["id"])}`, { body });
  const missing = { status: 422, json: { errors: [{ path: "title" }] } };
  t.match(published, missing, "a required field that the body omits");
});
