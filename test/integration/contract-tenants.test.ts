import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import {
  A,
  ROW,
  briefly,
  docsOf,
  indistinguishable,
  openHouse,
  refused,
  type Answer,
} from "./support-contract.ts";

/** Section 3 of the contract: how a request names its tenant, and which users have access to it. */

const cms = await startCms();
tap.teardown(() => cms.close());
const { ask } = await openHouse(tap, cms.url);
const { partnerA, partnerAC, admin, service } = cms.keys;
const V = "/partners/2026-02";
const ID = "x-basker-tenant-id";
const SLUG = "x-basker-tenant-slug";
await ask(`GET ${A}/posts`);
tap.beforeEach(() => cms.takeRequests());

/** The tenant of the first post in a list, or the status if the answer is not a list. */
const tenantOf = (answer: Answer): unknown =>
  answer.status === 200 ? docsOf(answer)[0]?.["tenant"] : answer.status;

/** Requests posts with these tenant headers and this path segment. Resolves with the tenant that was used. */
async function resolved(key: string, headers: readonly string[], segment: string): Promise<unknown> {
  return tenantOf(await ask(`GET ${V}/${segment}/posts?limit=1`, { key, headers }));
}

await tap.test("the tenant comes from the id header, then the slug header, then the path", async (t) => {
  const one = [ID, "1", SLUG, "tenant-c"];
  t.equal(await resolved(partnerAC, one, "tenant-c"), 1, "the id header wins");
  t.equal(await resolved(partnerAC, [SLUG, "tenant-c", ID, "1"], "tenant-c"), 1, "in any header order");
  t.equal(await resolved(partnerAC, [SLUG, "tenant-c"], "tenant-a"), 3, "then the slug header");
  t.equal(await resolved(partnerAC, [], "tenant-a"), 1, "then the path");
  t.equal(await resolved(partnerAC, ["X-BASKER-TENANT-ID", "3"], "tenant-a"), 3, "in any case");
});

await tap.test("a tenant name over 256 characters resolves to no tenant, without a lookup", async (t) => {
  for (const slug of ["x".repeat(257), ":".repeat(6_000)]) {
    t.equal(await resolved(partnerAC, [SLUG, slug], "tenant-a"), 1, "the next name is used");
    cms.takeRequests();
    t.equal(await resolved(partnerAC, [], slug), 404);
    t.equal(await resolved(partnerAC, [SLUG, slug], slug), 404);
    t.strictSame(cms.takeRequests(), []);
  }
});

await tap.test("a tenant name that does not resolve falls through to the next one", async (t) => {
  for (const id of ["999", "01", "1abc", "tenant-c", "-1", "1.0", "undefined", "2"]) {
    t.equal(await resolved(partnerAC, [ID, id], "tenant-c"), 3, `id ${id}, path`);
    t.equal(await resolved(partnerAC, [ID, id, SLUG, "tenant-a"], "tenant-c"), 1, `id ${id}, slug header`);
  }
  for (const slug of ["nosuch", "TENANT-A", "tenant-b", "1", "tenant-a/", "%74enant-a"]) {
    t.equal(await resolved(partnerAC, [SLUG, slug], "tenant-c"), 3, `slug ${slug}, path`);
  }
  t.equal(await resolved(partnerAC, [ID, "999", SLUG, "tenant-a"], "nosuch"), 1);
});

await tap.test("answers 400 Missing tenant without a tenant header or a tenant segment", async (t) => {
  refused(t, await ask(`GET ${V}`), ROW.missingTenant, "no tenant name");
  refused(t, await ask(`GET ${V}`, { headers: [ID, "", SLUG, ""] }), ROW.missingTenant, "empty headers");
  refused(t, await ask(`GET ${V}`, { headers: [ID, "  "] }), ROW.missingTenant, "a header of spaces");
  t.same(briefly(cms.takeRequests()), [], "no lookup");
  refused(t, await ask(`GET ${V}`, { headers: [ID, "1"] }), ROW.missingResource, "named by a header");
  refused(t, await ask(`GET ${V}/tenant-a`), ROW.missingResource, "named by the path");
});

await tap.test("answers 404 Tenant not found if none of the given names resolves", async (t) => {
  refused(t, await ask(`GET ${V}/nosuch/posts`), ROW.tenantNotFound, "an unknown slug");
  refused(t, await ask(`GET ${V}/1/posts`), ROW.tenantNotFound, "an id is not a slug");
  refused(t, await ask(`GET ${V}/TENANT-A/posts`), ROW.tenantNotFound, "another case");
  refused(t, await ask(`GET ${V}`, { headers: [ID, "999"] }), ROW.tenantNotFound, "by header alone");
  const all = { headers: [ID, "999", SLUG, "nosuch"] };
  refused(t, await ask(`GET ${V}/nor-this/posts`, all), ROW.tenantNotFound, "by all three");
});

await tap.test("an empty tenant header counts as absent, and two different values are 404", async (t) => {
  t.equal(await resolved(partnerA, [ID, "", SLUG, ""], "tenant-a"), 1, "both empty");
  t.equal(await resolved(partnerA, [ID, "", ID, "1"], "nosuch"), 1, "an empty value beside an id");
  t.equal(await resolved(partnerA, [ID, "1", ID, "1"], "nosuch"), 1, "the same twice");
  for (const headers of [
    [ID, "1", ID, "3"],
    [ID, "1,3"],
    [ID, "1, 999"],
    [SLUG, "tenant-a", SLUG, "tenant-c"],
    [SLUG, "tenant-a, tenant-c"],
    [ID, "1", SLUG, "tenant-a", SLUG, "nosuch"],
  ]) {
    const answer = await ask(`GET ${A}/posts`, { headers, key: partnerAC });
    refused(t, answer, ROW.tenantNotFound, headers.join(" "));
  }
});

await tap.test("the names of the tenant headers are configurable", async (t) => {
  const names = { tenantIdHeader: "x-site-id", tenantSlugHeader: "x-site" };
  const other = await openHouse(t, cms.url, { partners: names });
  const headers = ["x-site-id", "3", ID, "1"];
  cms.takeRequests();
  t.equal(tenantOf(await other.ask(`GET ${V}/tenant-a/posts`, { key: partnerAC, headers })), 3);
  const sent = cms.takeRequests().at(-1)?.headers;
  t.match(sent, { "x-site-id": "3", "x-site": "tenant-c", [ID]: undefined, [SLUG]: undefined });
});

await tap.test("upstream receives the resolved tenant and no client copy, in any spelling", async (t) => {
  const forged = ["X_Basker_Tenant_Id", "x.basker.tenant.id", "X-BASKER_tenant.ID", "X-Request_Id"];
  const headers = [SLUG, "tenant-a", ID, "999", "X-Request-Id", "mine", "connection", `close, ${ID}`];
  headers.push(...forged.flatMap((name) => [name, "2"]));
  headers.push("x_basker_tenant_slug", "tenant-b", "X-Basker.Tenant.Slug", "tenant-b");
  for (const what of [
    `GET ${V}/x/posts`,
    `GET ${V}/x/posts/1`,
    `PATCH ${V}/x/posts/1`,
    `POST ${V}/x/posts`,
  ]) {
    cms.takeRequests();
    const answer = await ask(what, { headers, ...(what.startsWith("P") ? { body: { title: "x" } } : {}) });
    t.ok(answer.status < 300, what);
    for (const { rawHeaders } of cms.takeRequests().slice(-1)) {
      const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : []));
      t.same(
        pairs.filter(([name = ""]) => /basker|request.id/i.test(name)),
        [
          [ID, "1"],
          [SLUG, "tenant-a"],
          ["x-request-id", answer.headers["x-request-id"]],
        ],
        what,
      );
    }
  }
});

await tap.test("a tenant that the user is not a member of is answered like a missing tenant", async (t) => {
  const path = [await ask(`GET ${V}/tenant-b/posts`), await ask(`GET ${V}/no-such-tenant/posts`)] as const;
  indistinguishable(t, path, "by path");
  refused(t, path[0], ROW.tenantNotFound);
  for (const [name, foreign, missing] of [
    [ID, "2", "999"],
    [SLUG, "tenant-b", "no-such-tenant"],
  ] as const) {
    const answers = [foreign, missing].map((value) => ask(`GET ${V}`, { headers: [name, value] }));
    const [one, other] = await Promise.all(answers);
    if (one && other) indistinguishable(t, [one, other], `by ${name}`);
    t.equal(await resolved(partnerA, [name, foreign], "tenant-a"), 1, "the next name is used");
  }
  refused(
    t,
    await ask(`POST ${V}/tenant-b/posts`, { body: { title: "x" } }),
    ROW.tenantNotFound,
    "for writes",
  );
});

await tap.test("memberships and roles for all tenants are read from the user record", async (t) => {
  for (const [segment, id] of Object.entries({
    "tenant-a": 1,
    "tenant-b": 2,
    "tenant-c": 3,
    "tenant-d": 4,
  })) {
    t.equal(await resolved(admin, [], segment), id, `admin, ${segment}`);
    t.equal(
      await resolved(service, [ID, String(id)], "x"),
      id,
      `a super-admin without memberships, ${segment}`,
    );
    t.equal(await resolved(partnerAC, [], segment), id % 2 === 1 ? id : 404, `partner AC, ${segment}`);
  }
  t.equal(await resolved(admin, [ID, "01"], "tenant-c"), 3, "an id has exactly one spelling");
  t.equal(await resolved(admin, [ID, "999"], "nosuch"), 404);
});
