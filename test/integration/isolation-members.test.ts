import tap from "tap";

import type { KeyName } from "../support/cms/keys.ts";
import { idOf } from "../support/cms/seed.ts";
import { breaches, docsOf, faceOf, SLUGS, startSite, type Caller } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";

// Users of several tenants: a request names its tenant and has access to this tenant alone.

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const MEMBERS: readonly (readonly [KeyName, readonly number[]])[] = [
  ["partnerAC", [1, 3]],
  ["admin", [1, 2, 3, 4]],
  ["service", [1, 2, 3, 4]],
];
/** Every combination of headers that names a tenant by id or slug, with a path that names `otherTenant`. */
function namings(tenant: number, otherTenant: number): { path: string; headers: Record<string, string> }[] {
  const id = { "x-basker-tenant-id": `${tenant}` };
  const slug = { "x-basker-tenant-slug": `${SLUGS[tenant]}` };
  return [
    { path: `${SLUGS[tenant]}`, headers: {} },
    { path: `${SLUGS[otherTenant]}`, headers: id },
    { path: `${SLUGS[otherTenant]}`, headers: slug },
    { path: `${SLUGS[otherTenant]}`, headers: { ...id, "x-basker-tenant-slug": `${SLUGS[otherTenant]}` } },
  ];
}

/** Resolves with the tenants of the listed posts, or with the status. */
async function owners(
  caller: Caller,
  path: string,
  headers: Record<string, string> = {},
): Promise<unknown[]> {
  const reply = await caller.ask("GET", `${path}/posts?limit=50&depth=0`, { headers });
  return reply.status === 200 ? docsOf(reply).map(({ tenant }) => tenant) : [reply.status];
}

for (const [key, tenants] of MEMBERS) {
  await tap.test(`${key} reads only the named tenant, however the request names it`, async (t) => {
    const caller = site.as(key);
    for (const tenant of tenants) {
      for (const otherTenant of tenants.filter((other) => other !== tenant)) {
        for (const { path, headers } of namings(tenant, otherTenant)) {
          const what = `${path} ${JSON.stringify(headers)}`;
          const found = await owners(caller, path, headers);
          t.strictSame([found.length, ...new Set(found)], [24, tenant], what);
          const foreign = await caller.ask("GET", `${path}/posts/${idOf(otherTenant, 1)}`, { headers });
          const missing = await caller.ask("GET", `${path}/posts/99999`, { headers });
          t.equal(foreign.status, 404, what);
          t.equal(faceOf(foreign), faceOf(missing), what);
        }
      }
    }
  });

  await tap.test(
    `${key} writes only in the named tenant, and moves no record between its own tenants`,
    async (t) => {
      const caller = site.as(key);
      for (const tenant of tenants) {
        for (const otherTenant of tenants.filter((other) => other !== tenant)) {
          for (const { path, headers } of namings(tenant, otherTenant)) {
            const body = { title: "by a member", tenant: otherTenant };
            const made = await caller.ask("POST", `${path}/posts?depth=0`, { headers, body });
            t.match(made, { status: 201, json: { tenant } }, path);
            const own = await caller.ask("PATCH", `${path}/posts/${idOf(tenant, 1)}?depth=0`, {
              headers,
              body,
            });
            t.match(own, { status: 200, json: { tenant, title: "by a member" } }, path);

            const before = await snapshotOf(site.cms);
            for (const method of ["PATCH", "PUT", "DELETE"]) {
              const target = `${path}/posts/${idOf(otherTenant, 2)}`;
              t.equal(
                (await caller.ask(method, target, { headers, body })).status,
                404,
                `${method} ${target}`,
              );
            }
            t.strictSame(differences(before, await snapshotOf(site.cms)), []);
          }
        }
      }
    },
  );
}

await tap.test("concurrent requests for two tenants with one key each get their own records", async (t) => {
  const caller = site.as("partnerAC");
  const rounds = await Promise.all(
    Array.from({ length: 20 }, (_, i) => owners(caller, i % 2 === 0 ? "tenant-a" : "tenant-c")),
  );
  for (const [i, found] of rounds.entries()) t.strictSame([...new Set(found)], [i % 2 === 0 ? 1 : 3]);
});

await tap.test("concurrent requests for one tenant with many keys each get their own answer", async (t) => {
  const keys: KeyName[] = ["partnerA", "partnerB", "partnerC", "partnerAC", "admin"];
  const found = await Promise.all(keys.map((key) => owners(site.as(key), "tenant-a")));
  t.strictSame(
    found.map((list) => [...new Set(list)]),
    [[1], [404], [404], [1], [1]],
  );
});

await tap.test("a tenant that the user is not a member of is answered like a missing tenant", async (t) => {
  const namings = [
    ["tenant-b", "tenant-x", {}, {}],
    ["tenant-x", "tenant-x", { "x-basker-tenant-id": "2" }, { "x-basker-tenant-id": "77" }],
    ["tenant-x", "tenant-x", { "x-basker-tenant-slug": "tenant-b" }, { "x-basker-tenant-slug": "tenant-y" }],
  ] as const;
  const caller = site.as("partnerAC");
  for (const [path, absent, headers, others] of namings) {
    for (const rest of ["", "/posts", "/posts/25", "/nosuch", "/users"]) {
      const foreign = await caller.ask("GET", path + rest, { headers });
      const missing = await caller.ask("GET", absent + rest, { headers: others });
      t.equal(foreign.status, 404);
      t.equal(foreign.json["error"], "Tenant not found");
      t.equal(faceOf(foreign), faceOf(missing), `${path}${rest} ${JSON.stringify(headers)}`);
    }
  }
});

await tap.test(
  "upstream requests carry only the resolved tenant, whatever other tenants the request names",
  async (t) => {
    const headers = { "x-basker-tenant-id": "3", "x-basker-tenant-slug": "tenant-a" };
    const caller = site.as("partnerAC");
    await caller.ask("GET", "tenant-a/posts");
    for (const [method, path] of [
      ["GET", "posts"],
      ["GET", "posts/49"],
      ["POST", "posts"],
      ["PATCH", "posts/50"],
      ["DELETE", "posts/51"],
    ] as const) {
      site.cms.takeRequests();
      const body = method === "GET" ? undefined : { title: "new", tenant: 1 };
      const { status } = await caller.ask(method, `tenant-a/${path}`, { headers, body });
      t.ok(status < 300, `${method} ${path}`);
      const requests = site.cms.takeRequests();
      t.strictSame(breaches(requests, { tenant: 3, scope: [3], key: "partnerAC" }), []);
      t.ok(requests.some(({ path: asked }) => asked.startsWith("/api/posts")));
    }
  },
);
