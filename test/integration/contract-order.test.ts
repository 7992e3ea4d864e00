import tap from "tap";
import { renderError } from "../../src/core/envelope.ts";
import { GatewayError, toGatewayError } from "../../src/core/errors.ts";
import { startCms } from "../support/cms/server.ts";
import { rawExchange, rawRequest } from "../support/raw.ts";
import {
  A,
  ROW,
  UUID,
  briefly,
  indistinguishable,
  openHouse,
  refused,
  unsupported,
  words,
  type Ask,
  type Row,
} from "./support-contract.ts";

/** Section 6 of the contract: the published error reference by row, the envelope, the order of the checks. */

const cms = await startCms();
tap.teardown(() => cms.close());
const house = await openHouse(tap, cms.url);
const { ask, port } = house;
const V = "/partners/2026-02";
const { partnerA } = cms.keys;
await ask(`GET ${A}/posts`);
tap.beforeEach(() => cms.takeRequests());

await tap.test("every row of the published error reference is answered as published", async (t) => {
  const title = { body: { title: "x" } };
  const rows: readonly (readonly [row: Row, cause: string, what: string, ask?: Ask])[] = [
    [ROW.missingTenant, "No tenant header and no tenant path segment", `GET ${V}`],
    [unsupported("2025-10"), "not a supported version", "GET /partners/2025-10/tenant-a/posts"],
    [ROW.missingResource, "The URL path after the tenant segment is empty", `GET ${A}`],
    [ROW.missingIdentifier, "A PATCH without an ID in the path", `PATCH ${A}/posts`, title],
    [ROW.missingIdentifier, "A PUT without an ID in the path", `PUT ${A}/posts/`, title],
    [ROW.missingIdentifier, "A DELETE without an ID in the path", `DELETE ${A}/posts`],
    [ROW.missingIdentifier, "A DELETE of many at once", `DELETE ${A}/posts?where[id][exists]=true`],
    [ROW.invalidBody, "The body of a POST is not valid JSON", `POST ${A}/posts`, { body: "{" }],
    [ROW.invalidBody, "The body of a PUT is not valid JSON", `PUT ${A}/posts/1`, { body: "{" }],
    [ROW.invalidBody, "The body of a PATCH is not valid JSON", `PATCH ${A}/posts/1`, { body: "{" }],
    [ROW.unauthorized, "No Authorization header", `GET ${A}/posts`, { key: null }],
    [ROW.unauthorized, "Not the users API-Key format", `GET ${A}/posts`, { key: " x" }],
    [ROW.unauthorized, "The key does not match any user", `GET ${A}/posts`, { key: "unknown" }],
    [ROW.nativeKey, "API key sent to /api/ instead of /partners/", "GET /api/posts"],
    [ROW.tenantNotFound, "Tenant slug does not exist", `GET ${V}/nosuch/posts`],
    [ROW.tenantNotFound, "Tenant id does not exist", `GET ${V}`, { headers: ["x-basker-tenant-id", "99"] }],
    [ROW.documentNotFound, "The document ID does not exist", `GET ${A}/posts/99999`],
    [ROW.documentNotFound, "It does not belong to the resolved tenant", `GET ${A}/posts/49`],
    [ROW.documentNotFound, "A PATCH of another group member's", `PATCH ${A}/events/25`, title],
    [ROW.documentNotFound, "A PUT of another group member's", `PUT ${A}/events/25`, title],
    [ROW.documentNotFound, "A DELETE of another group member's", `DELETE ${A}/events/25`],
    [ROW.routeNotFound, "The URL path does not match any registered route", `GET ${A}/posts/1/x`],
    [ROW.routeNotFound, "Invalid URL path", "GET /nosuch", { key: null }],
  ];
  for (const [row, cause, what, how] of rows) {
    refused(t, await ask(what, how), row, `${row[0]} ${row[1]}: ${cause}`);
  }
});

await tap.test("answers 500 Server Error to a 5xx of the CMS, and logs the CMS's message", async (t) => {
  const event = { title: "x", startDate: "2031-01-01", venue: 99999 };
  const created = await ask(`POST ${A}/events`, { body: event });
  refused(t, created, ROW.failed, "a relation to a missing record");
  const entry = house.lines().find(({ requestId }) => requestId === created.headers["x-request-id"]);
  t.match(entry, { status: 500, code: "upstream.failed", upstreamStatus: 500 }, "with the upstream status");
  t.match(JSON.stringify(entry), "Something went wrong.", "and the CMS's message");
});

await tap.test("the error renderer answers An unexpected error occurred and Tenant context missing", (t) => {
  const id = "a1b2c3d4-e5f6-4890-abcd-ef1234567890";
  const faults = {
    fault: toGatewayError(new Error("secret")),
    contextMissing: new GatewayError("tenant.absent"),
  };
  for (const name of ["fault", "contextMissing"] as const) {
    const { status, headers, body } = renderError(faults[name], id);
    refused(t, { status, headers: { ...headers }, text: String(body), json: {} }, ROW[name]);
  }
  t.end();
});
/** A request in parts; each part can violate a check. */
interface Parts {
  readonly slash: string;
  readonly version: string;
  readonly tenant: string;
  readonly collection: string;
  readonly id: string;
  readonly tail: string;
  readonly method: string;
  readonly key: string;
  readonly body: string;
}

const SOUND: Parts = {
  slash: "/",
  version: "/2026-02",
  tenant: "/tenant-a",
  collection: "/posts",
  id: "/1",
  tail: "",
  method: "PATCH",
  key: partnerA,
  body: '{"title":"x"}',
};

/** The checks in their order, each with a change to `SOUND` that violates this check alone. */
const CHECKS: readonly (readonly [check: string, row: Row, fault: Partial<Parts>])[] = [
  ["path is canonical", ROW.malformed, { slash: "//" }],
  ["route exists, by its shape", ROW.routeNotFound, { tail: "/versions", id: "/1" }],
  ["route exists, by its method", ROW.routeNotFound, { method: "PROPFIND" }],
  ["key", ROW.unauthorized, { key: "unknown" }],
  ["version", unsupported("2025-10"), { version: "/2025-10" }],
  ["tenant given", ROW.missingTenant, { tenant: "", collection: "", id: "" }],
  ["tenant resolves", ROW.tenantNotFound, { tenant: "/tenant-b" }],
  ["collection given", ROW.missingResource, { collection: "", id: "" }],
  ["collection exposed", ROW.routeNotFound, { collection: "/users" }],
  ["id given", ROW.missingIdentifier, { id: "" }],
  ["method fits", ROW.routeNotFound, { method: "POST", id: "/25" }],
  ["body is not too large", ROW.tooLarge, { body: `{${" ".repeat(1_048_576)}` }],
  ["body is JSON", ROW.invalidBody, { body: "[]" }],
  ["ownership", ROW.documentNotFound, { id: "/25" }],
];

async function askParts(parts: Parts) {
  const { slash, version, tenant, collection, id, tail, method, key, body } = parts;
  const path = `/partners${version === "" ? "" : slash}${version.slice(1)}${tenant}${collection}${id}${tail}`;
  return ask(`${method} ${path}`, { key, body });
}

await tap.test("a valid request passes, and each fault alone gets its row", async (t) => {
  t.match(await askParts(SOUND), { status: 200 });
  for (const [check, row, fault] of CHECKS) refused(t, await askParts({ ...SOUND, ...fault }), row, check);
});

await tap.test("if two checks fail, the earlier check answers", async (t) => {
  let pairs = 0;
  for (const [i, [earlier, row, first]] of CHECKS.entries()) {
    for (const [later, , second] of CHECKS.slice(i + 1)) {
      // Two faults in the same part cannot be combined.
      if (Object.keys(first).some((part) => part in second)) continue;
      pairs += 1;
      cms.takeRequests();
      refused(t, await askParts({ ...SOUND, ...second, ...first }), row, `${earlier}, before ${later}`);
      if (row !== ROW.documentNotFound && row !== ROW.tenantNotFound)
        t.same(briefly(cms.takeRequests()), [], "without a request to the CMS");
    }
  }
  t.ok(pairs > 50, `${pairs} pairs`);
});

await tap.test("a client without a valid key learns nothing of tenants, versions, collections", async (t) => {
  const sound = await askParts({ ...SOUND, key: "unknown" });
  for (const [check, row, fault] of CHECKS) {
    if (row === ROW.malformed || /route exists|too large/.test(check)) continue;
    indistinguishable(t, [await askParts({ ...SOUND, ...fault, key: "unknown" }), sound], check);
  }
});

await tap.test("answers 400 Malformed request to an ambiguous path", async (t) => {
  const paths =
    words(String.raw`//partners/2026-02/tenant-a/posts ${V}//tenant-a/posts ${V}/tenant-a/../tenant-b/posts
    ${A}/./posts ${A}/%2e%2e/posts ${A}/posts%2f1 ${A}/posts%5C1 ${A}\posts ${A}/posts;x/1 ${A}/posts/1%3f
    /%70artners/2026-02/tenant-a/posts ${A}/posts/%00 ${A}/posts/%zz ${A}/%252e%252e/x ${A}/posts/1%23
    /api/../partners/2026-02/tenant-a/posts /./partners/2026-02 ${A}/posts/%c0%ae`);
  for (const path of paths) refused(t, await ask(`GET ${path}`), ROW.malformed, path);
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("answers 400 Malformed request, in the envelope, to bad framing and non-HTTP", async (t) => {
  const post = [`POST ${A}/posts HTTP/1.1`, "Host: a", `Authorization: users API-Key ${partnerA}`];
  const requests: Record<string, readonly string[]> = {
    "both framings": [...post, "Content-Length: 13", "Transfer-Encoding: chunked"],
    "two lengths": [...post, "Content-Length: 13", "Content-Length: 13"],
    "another coding": [...post, "Transfer-Encoding: gzip, chunked"],
    "two hosts": [...post, "Host: b", "Content-Length: 13"],
    "no header": [...post, "Content-Length 0"],
    "a space before the colon": [...post, "Content-Length : 0"],
    "a folded header": [...post, "X-Folded: a", " b"],
    "no request line": ["hello"],
  };
  for (const [name, lines] of Object.entries(requests)) {
    const text = await rawExchange(port, rawRequest([...lines], '{"title":"x"}'));
    const [head = "", body = ""] = text.split(/\r\n\r\n(.*)/s);
    const id = /^x-request-id: (\S+)$/im.exec(head)?.[1] ?? "";
    t.match(
      head,
      /^HTTP\/1.1 400 .*content-type: application\/json; charset=utf-8\r\n.*cache-control: no-store/is,
      name,
    );
    t.match(id, UUID, name);
    t.equal(
      body,
      JSON.stringify({ error: "Bad Request", message: "Malformed request", requestId: id }),
      name,
    );
  }
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("requestId is a UUID of the gateway on every answer; a client's is only logged", async (t) => {
  const theirs = "0b6c1f34-8a55-4d3e-9b1a-3c2d1e0f9a8b";
  const headers = ["x-request-id", theirs, "X-Request-ID", "another"];
  const seen = new Set<unknown>();
  for (const what of [
    `GET ${A}/posts/1`,
    `GET ${A}/posts/999`,
    `GET ${V}`,
    `GET ${A}/posts//`,
    "GET /nosuch",
  ]) {
    const answer = await ask(what, { headers, ...(what.includes("nosuch") ? { key: null } : {}) });
    const id = answer.headers["x-request-id"];
    t.match(id, UUID, what);
    t.notMatch(answer.text + JSON.stringify(answer.headers), theirs, what);
    if (answer.status >= 400) t.equal(answer.json["requestId"], id, what);
    seen.add(id);
    const entry = house.lines().find(({ requestId }) => requestId === id);
    t.match(entry, what.includes("nosuch") ? { requestId: id } : { clientRequestId: theirs }, what);
  }
  t.equal(seen.size, 5, "each answer has its own id");
});
