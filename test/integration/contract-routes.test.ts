import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { rawExchange, rawRequest } from "../support/raw.ts";
import {
  A,
  ROW,
  UUID,
  briefly,
  docsOf,
  openHouse,
  refused,
  strangeHeaders,
  unsupported,
  type Answer,
} from "./support-contract.ts";

/** Sections 1 and 4 of the contract: routes and versions. */

const cms = await startCms();
tap.teardown(() => cms.close());
const { ask, port } = await openHouse(tap, cms.url);
// Key and tenant are cached from here on, so that only the requests of a route itself reach the CMS.
await ask(`GET ${A}/posts`);
tap.beforeEach(() => cms.takeRequests());

/** Resolves with the head and body as received, without the headers that differ for each request. */
async function wire(method: string, path: string): Promise<{ head: string[]; body: string }> {
  const lines = [`${method} ${path} HTTP/1.1`, "Host: gateway", "Connection: close"];
  const key = `Authorization: users API-Key ${cms.keys.partnerA}`;
  const text = await rawExchange(port, rawRequest([...lines, key]));
  const [head = "", body = ""] = text.split(/\r\n\r\n(.*)/s);
  return { head: head.split("\r\n").filter((line) => !/^(?:date|x-request-id):/i.test(line)), body };
}

/** Reports whether the answer is a flat document of tenant A, without an envelope or a header of the CMS. */
function isFlat(answer: Answer): boolean {
  const { status, headers, json } = answer;
  return (
    [200, 201].includes(status) &&
    strangeHeaders(answer).length === 0 &&
    headers["content-type"] === "application/json; charset=utf-8" &&
    UUID.test(String(headers["x-request-id"])) &&
    json["tenant"] === 1 &&
    typeof json["id"] === "number" &&
    !("doc" in json || "docs" in json || "message" in json)
  );
}

await tap.test("GET /partners/{version}/{tenant}/{collection} answers 200 with a list", async (t) => {
  const answer = await ask(`GET ${A}/posts?limit=2`);
  t.equal(answer.status, 200);
  t.same(strangeHeaders(answer), [], "no headers of the CMS");
  const type = "application/json; charset=utf-8";
  t.match(answer.headers, { "content-type": type, "x-request-id": UUID, "cache-control": /no-store/ });
  t.same(
    docsOf(answer).map(({ id, tenant, title }) => ({ id, tenant, title })),
    [
      { id: 24, tenant: 1, title: "A post 24" },
      { id: 23, tenant: 1, title: "A post 23" },
    ],
  );
});

await tap.test("GET .../{id} answers 200 with a flat document", async (t) => {
  const answer = await ask(`GET ${A}/posts/1`);
  t.ok(isFlat(answer));
  t.match(answer.json, { id: 1, tenant: 1, title: "A post 1" });
  t.same(briefly(cms.takeRequests()), ["GET /api/posts"], "one request to the CMS");
});

await tap.test("POST .../{collection} answers 201 with a flat document", async (t) => {
  const answer = await ask(`POST ${A}/posts`, { body: { title: "New", text: "words" } });
  t.equal(answer.status, 201);
  t.ok(isFlat(answer));
  t.match(answer.json, { title: "New", text: "words" });
  t.match(await ask(`GET ${A}/posts/${String(answer.json["id"])}`), { status: 200, json: answer.json });
});

await tap.test("PATCH and PUT .../{id} answer 200 with a flat document, and PUT acts as PATCH", async (t) => {
  for (const method of ["PATCH", "PUT"]) {
    cms.takeRequests();
    const answer = await ask(`${method} ${A}/posts/2`, { body: { title: `By ${method}` } });
    t.equal(answer.status, 200, method);
    t.ok(isFlat(answer), method);
    t.match(answer.json, { id: 2, title: `By ${method}`, text: /./ }, `${method} leaves the rest unchanged`);
    const methods = cms.takeRequests().map((request) => request.method);
    t.same(
      methods.filter((name) => name !== "GET"),
      ["PATCH"],
      `${method} sends one PATCH`,
    );
  }
});

await tap.test("DELETE .../{id} answers 200 with the deleted document, flat", async (t) => {
  const answer = await ask(`DELETE ${A}/posts/3`);
  t.equal(answer.status, 200);
  t.ok(isFlat(answer));
  t.match(answer.json, { id: 3, title: "A post 3" });
  refused(t, await ask(`GET ${A}/posts/3`), ROW.documentNotFound, "deleted");
  refused(t, await ask(`DELETE ${A}/posts/3`), ROW.documentNotFound, "cannot be deleted twice");
});

await tap.test("HEAD of a list or a document answers with the headers of GET and no body", async (t) => {
  for (const path of [`${A}/posts?limit=3`, `${A}/posts/1`, `${A}/posts/999`, `${A}/nosuch`]) {
    const got = await wire("GET", path);
    const headed = await wire("HEAD", path);
    t.same(headed.head, got.head, `${path}: the same headers`);
    t.ok(headed.head.some((line) => line.toLowerCase() === `content-length: ${Buffer.byteLength(got.body)}`));
    t.equal(headed.body, "", `${path}: no body`);
    t.not(got.body, "");
  }
  const [request] = cms.takeRequests();
  t.equal(request?.method, "GET");
});

await tap.test("the tenant segment is always consumed, even if a tenant header decides", async (t) => {
  const headers = ["x-basker-tenant-slug", "tenant-a"];
  const answer = await ask("GET /partners/2026-02/posts/pages", { headers });
  t.match(answer, { status: 200, json: { totalDocs: 24 } });
  refused(t, await ask("GET /partners/2026-02/posts", { headers }), ROW.missingResource);
});

await tap.test("accepts one trailing slash", async (t) => {
  t.match(await ask(`GET ${A}/posts/?limit=1`), { status: 200, json: { limit: 1 } });
  t.match(await ask(`GET ${A}/posts/1/`), { status: 200, json: { id: 1 } });
  t.match(await ask(`PATCH ${A}/posts/4/`, { body: { title: "x" } }), { status: 200, json: { id: 4 } });
  refused(t, await ask(`GET ${A}/`), ROW.missingResource);
  refused(t, await ask("GET /partners/2026-02/"), ROW.missingTenant);
  for (const path of [`${A}/posts//`, `${A}/posts/1//`]) {
    refused(t, await ask(`GET ${path}`), ROW.malformed, `two are malformed: ${path}`);
  }
});

await tap.test("answers 404 Route not found to any other method or path shape", async (t) => {
  const requests = [
    "GET /partners",
    "GET /partners/",
    `GET ${A}/posts/1/versions`,
    `GET ${A}/posts/versions/1`,
    `POST ${A}/posts/1/duplicate`,
    `GET ${A}/posts/1/versions/`,
    `OPTIONS ${A}/posts`,
    `TRACE ${A}/posts`,
    `PROPFIND ${A}/posts`,
    `POST ${A}/posts/1`,
  ];
  for (const what of requests) refused(t, await ask(what), ROW.routeNotFound, what);
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("answers 404 Route not found to a reserved word as the id, in any spelling", async (t) => {
  const words = ["count", "versions", "access", "COUNT", "%63ount", "duplicate", "Versions", "%76ersions"];
  for (const word of [...words, "count/", "paste-url", "file"]) {
    for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
      const what = `${method} ${A}/pages/${word}`;
      refused(t, await ask(what, { body: {} }), ROW.routeNotFound, what);
    }
  }
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("answers 404 Route not found to a collection that is not exposed", async (t) => {
  const hidden = [
    "users",
    "tenants",
    "tenant-groups",
    "secrets",
    "categories",
    "globals",
    "access",
    "nosuch",
  ];
  for (const collection of [...hidden, "payload-preferences", "payload-locked-documents", "POSTS", "Posts"]) {
    for (const what of [`GET ${A}/${collection}`, `GET ${A}/${collection}/1`, `POST ${A}/${collection}`]) {
      refused(t, await ask(what, { body: {}, key: cms.keys.admin }), ROW.routeNotFound, what);
    }
  }
  const asked = briefly(cms.takeRequests()).filter(
    (line) => !/^GET \/api\/(?:users\/me|tenants)$/.test(line),
  );
  t.same(asked, [], "only the lookups of the key and the tenant reached the CMS");
  for (const what of [`GET ${A}/works`, `DELETE ${A}/works/1`])
    refused(t, await ask(what), ROW.routeNotFound, `${what}: exposed, but unknown to this CMS`);
});

await tap.test("rejects settings that expose auth collections, tenants or the CMS's own", async (t) => {
  for (const name of ["users", "tenants", "tenant-groups", "payload-preferences", "members"]) {
    const settings = { partners: { collections: ["pages", name] }, cms: { internal: ["members"] } };
    await t.rejects(
      openHouse(t, cms.url, settings),
      { name: "ConfigError", message: new RegExp(`partners.collections: ${name} can never be exposed`) },
      name,
    );
  }
});

await tap.test("answers 404 Document not found to an id that the CMS could read as another id", async (t) => {
  const spellings = ["1abc", "01", "1.0", "1e0", "+1", "-1", "%201", "1%20", "1,2", "0", "0x1", "NaN", "x"];
  for (const id of [...spellings, "9007199254740993", "%EF%BC%91"]) {
    for (const method of ["GET", "PATCH", "DELETE"]) {
      refused(
        t,
        await ask(`${method} ${A}/posts/${id}`, { body: {} }),
        ROW.documentNotFound,
        `${method} ${id}`,
      );
    }
  }
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("a native request to /api passes without a key, and gets 403 with one", async (t) => {
  t.match(await ask("GET /api/pages/1?depth=0", { key: null }), { status: 200, json: { id: 1 } });
  t.same(briefly(cms.takeRequests()), ["GET /api/pages/1"]);
  refused(t, await ask("GET /api/pages/1"), ROW.nativeKey);
  refused(t, await ask("GET /api/pages/1", { key: "unknown" }), ROW.nativeKey, "the same for an unknown key");
  t.same(briefly(cms.takeRequests()), [], "without verifying the key");
});

await tap.test("answers 404 Route not found to a path that is neither Partners API nor native", async (t) => {
  for (const path of ["/", "/nosuch", "/Partners/2026-02/tenant-a/posts", "/partnersx", "/apix/pages"]) {
    refused(t, await ask(`GET ${path}`, { key: null }), ROW.routeNotFound, path);
  }
  t.same(briefly(cms.takeRequests()), []);
});

await tap.test("answers 400 Unsupported API version to any version but 2025-07 and 2026-02", async (t) => {
  for (const version of ["2025-07", "2026-02"]) {
    t.match(
      await ask(`GET /partners/${version}/tenant-a/posts/1`),
      { status: 200, json: { id: 1 } },
      version,
    );
  }
  cms.takeRequests();
  for (const version of ["2025-10", "2026-2", "v1", "latest", "2026-02-01", "{supported}", "tenant-a"]) {
    const path = `/partners/${encodeURIComponent(version)}/tenant-a/posts/1`;
    refused(t, await ask(`GET ${path}`), unsupported(version));
  }
  t.same(briefly(cms.takeRequests()), [], "none of them reached the CMS");
});

await tap.test("the list of versions is configurable, and printed in its configured order", async (t) => {
  const other = await openHouse(t, cms.url, { partners: { versions: ["2027-01", "2026-02", "2026-09"] } });
  t.match(await other.ask("GET /partners/2026-09/tenant-a/posts/1"), { status: 200 });
  const answer = await other.ask("GET /partners/2025-07/tenant-a/posts/1");
  refused(t, answer, unsupported("2025-07", "2027-01, 2026-02, 2026-09"));
});
