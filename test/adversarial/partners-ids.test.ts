// Attack: an id that the gateway and the CMS read differently, a reserved word in its place, or none.
// Amplifier: Payload reads ids by parseFloat after decoding, matches endpoint names in any case, and writes
// in bulk by `where`.
// Defence: only the canonical spelling is an id, reserved words and deeper paths are no routes, and a write
// without an id is rejected.
import tap from "tap";

import { breaches, faceOf, startSite, type Law, words } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const a = site.as("partnerA");
const A: Law = { tenant: 1, scope: [1], key: "partnerA" };
const body = { title: "by A", tenant: 1 };
const METHODS = ["GET", "HEAD", "PATCH", "PUT", "DELETE"] as const;

/** The body of a write; reads send none. */
function sentBy(method: string): { body?: unknown } {
  return method === "PATCH" || method === "PUT" || method === "POST" ? { body } : {};
}

/** Spellings that parseFloat, a database or a URL parser reads as record 1 or another. */
const SPELLINGS = words(`
    1abc 01 001 1.0 1. 1e0 1E0 10e-1 +1 %201 1%20 1+ 1,2 1, 1_0 1n 0x1 0b1 0o1 -1 -0 0 NaN Infinity
    -Infinity null undefined true %5B1%5D %EF%BC%91 %D9%A1 %C2%B9 1%C2%A0 %E2%80%8B1 1%CC%81 (1) '1' 1*
    1%22 1%27%20OR%201=1 1$ 1& 1=1 1:1 1@ 1! 1~ 1-1 9007199254740993 1e999 99999999999999999999 1.9
    id=1 * [1] {1} %7B%22equals%22:1%7D
  `);

await tap.test(
  "an invalid spelling of an id gets the same 404 as a missing record and never reaches the CMS",
  async (t) => {
    const before = await snapshotOf(site.cms);
    for (const method of METHODS) {
      const missing = faceOf(await a.ask(method, "tenant-a/posts/99999", sentBy(method)));
      site.cms.takeRequests();
      for (const id of SPELLINGS) {
        const reply = await a.ask(method, `tenant-a/posts/${id}`, sentBy(method));
        if (!/[[\]{}]/.test(id)) t.equal(faceOf(reply), missing, `${method} ${id}`);
        else t.equal(reply.status, 400, `${method} ${id}: not a valid path segment`);
        t.strictSame(site.cms.takeRequests(), [], `${method} ${id}`);
      }
    }
    t.strictSame(differences(before, await snapshotOf(site.cms)), []);
  },
);

await tap.test("rejects a spelling that hides a separator or a control character as malformed", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const id of [
    "1%2F2",
    "1%2f..%2f49",
    "1%00",
    "1%0a",
    "1%0d%0a",
    "%5c1",
    "1;a=1",
    "1%3B",
    "1%3Fx",
    "1%23",
    "%2531",
    "1%",
  ]) {
    for (const method of METHODS) {
      const reply = await a.ask(method, `tenant-a/posts/${id}`, sentBy(method));
      t.equal(reply.status, 400, `${method} ${id}`);
    }
  }
  t.strictSame(site.cms.takeRequests(), []);
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});

await tap.test("a percent-encoded digit equals the digit and names that record only", async (t) => {
  t.match(await a.ask("GET", "tenant-a/posts/%31%30?depth=0"), { status: 200, json: { id: 10, tenant: 1 } });
  t.equal((await a.ask("GET", "tenant-a/posts/%349")).status, 404);
  t.strictSame(breaches(site.cms.takeRequests(), A), []);
});

const SUBRESOURCES = words(`
    count Count COUNT c%6funt versions VERSIONS access Access file paste-url distinct duplicate
    versions/49 versions/1 access/49 access/1 file/c-1.png 49/duplicate 1/duplicate 1/versions 1/access
    1/x 1/x/y 49/ count/ 1/2
  `);

await tap.test("the CMS's sub-resources of a collection are no routes", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const collection of ["posts", "pages", "events", "media"]) {
    for (const path of SUBRESOURCES.filter((each) => each !== "49/")) {
      for (const method of ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"]) {
        const reply = await a.ask(method, `tenant-a/${collection}/${path}`, sentBy(method));
        t.equal(reply.status, 404, `${method} ${collection}/${path}`);
        if (method !== "HEAD")
          t.equal(reply.json["message"], "Route not found", `${method} ${collection}/${path}`);
      }
    }
  }
  t.strictSame(breaches(site.cms.takeRequests(), A), []);
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});

await tap.test("there are no writes in bulk", async (t) => {
  const before = await snapshotOf(site.cms);
  const wheres = [
    "",
    "?where={}",
    "?where=[]",
    '?where="x"',
    "?where=null",
    '?where={"tenant":{}}',
    '?where={"and":[]}',
    '?where={"and":[{}]}',
    "?where[or][]=",
    "?where[tenant][equals]=1",
    "?where[id][in]=1,2",
    "?where[and][0][id][equals]=1&where[and][1][tenant][equals]=1",
    "?id=1",
    "?limit=1",
  ];
  for (const collection of ["posts", "events", "media"]) {
    for (const where of wheres) {
      for (const method of ["PATCH", "PUT", "DELETE"]) {
        for (const slash of ["", "/"]) {
          const reply = await a.ask(method, `tenant-a/${collection}${slash}${where}`, sentBy(method));
          t.match(
            reply,
            { status: 400, json: { error: "Missing identifier" } },
            `${method} ${collection}${slash}${where}`,
          );
        }
      }
    }
  }
  t.strictSame(
    site.cms.takeRequests().filter(({ method }) => method !== "GET"),
    [],
  );
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});

await tap.test("a where beside an id does not extend a write to more records", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const query of [
    "?where={}",
    "?where[id][exists]=true",
    "?where[tenant][equals]=3",
    "?id=49",
    "?overrideLock=true",
  ]) {
    const written = await a.ask("PATCH", `tenant-a/posts/1${query}`, { body: { text: query } });
    t.match(written, { status: 200, json: { id: 1, tenant: 1, text: query } });
    t.equal((await a.ask("DELETE", `tenant-a/posts/49${query}`)).status, 404);
  }
  const requests = site.cms.takeRequests();
  t.strictSame(breaches(requests, A), []);
  for (const { path } of requests.filter(({ method }) => method !== "GET")) {
    t.notMatch(decodeURIComponent(path), /exists|"equals":3|overrideLock|[?&]id=|where=\{\}/);
  }
  const changed = differences(before, await snapshotOf(site.cms));
  t.ok(changed.length > 0 && changed.every((row) => /^posts [-+]\{"id":1,/.test(row)), changed.join("\n"));
});

await tap.test("other methods, and a POST to an id, are no routes", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const method of [
    "POST",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "QUERY",
    "LINK",
    "PURGE",
    "SEARCH",
    "COPY",
    "MOVE",
  ]) {
    for (const path of [
      "tenant-a/posts/1",
      "tenant-a/posts/49",
      ...(method === "POST" ? [] : ["tenant-a/posts"]),
    ]) {
      const reply = await a.ask(method, path, sentBy(method));
      t.match(reply, { status: 404, json: { message: "Route not found" } }, `${method} ${path}`);
    }
  }
  t.strictSame(
    site.cms.takeRequests().filter(({ path }) => path.startsWith("/api/posts")),
    [],
  );
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});
