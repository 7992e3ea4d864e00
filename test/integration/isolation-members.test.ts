import tap from "tap";

import type { KeyName } from "../support/cms/keys.ts";
import { idOf } from "../support/cms/seed.ts";
import { breaches, docsOf, faceOf, SLUGS, startSite, type Caller } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";

// Users of more than one tenant: the request says for which one they act, and that one alone is reached.

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const MEMBERS: readonly (readonly [KeyName, readonly number[]])[] = [
  ["partnerAC", [1, 3]],
  ["admin", [1, 2, 3, 4]],
  ["service", [1, 2, 3, 4]],
];
/** Tenant headers for a tenant by id, in every combination, with a path that names `elsewhere`. */
function namings(tenant: number, elsewhere: number): { path: string; headers: Record<string, string> }[] {
  const id = { "x-basker-tenant-id": `${tenant}` };
  const slug = { "x-basker-tenant-slug": `${SLUGS[tenant]}` };
  return [
    { path: `${SLUGS[tenant]}`, headers: {} },
    { path: `${SLUGS[elsewhere]}`, headers: id },
    { path: `${SLUGS[elsewhere]}`, headers: slug },
    { path: `${SLUGS[elsewhere]}`, headers: { ...id, "x-basker-tenant-slug": `${SLUGS[elsewhere]}` } },
  ];
}

/** Whose posts a list shows. */
async function owners(
  caller: Caller,
  path: string,
  headers: Record<string, string> = {},
): Promise<unknown[]> {
  const reply = await caller.ask("GET", `${path}/posts?limit=50&depth=0`, { headers });
  return reply.status === 200 ? docsOf(reply).map(({ tenant }) => tenant) : [reply.status];
}

for (const [key, tenants] of MEMBERS) {
  await tap.test(
    `${key} reads the tenant that is named, whichever way, and no other of its own`,
    async (t) => {
      const caller = site.as(key);
      for (const tenant of tenants) {
        for (const elsewhere of tenants.filter((other) => other !== tenant)) {
          for (const { path, headers } of namings(tenant, elsewhere)) {
            const what = `${path} ${JSON.stringify(headers)}`;
            const found = await owners(caller, path, headers);
            t.strictSame([found.length, ...new Set(found)], [24, tenant], what);
            const foreign = await caller.ask("GET", `${path}/posts/${idOf(elsewhere, 1)}`, { headers });
            const missing = await caller.ask("GET", `${path}/posts/99999`, { headers });
            t.equal(foreign.status, 404, what);
            t.equal(faceOf(foreign), faceOf(missing), what);
          }
        }
      }
    },
  );

  await tap.test(
    `${key} writes in the tenant that is named, and moves nothing between its own`,
    async (t) => {
      const caller = site.as(key);
      for (const tenant of tenants) {
        for (const elsewhere of tenants.filter((other) => other !== tenant)) {
          for (const { path, headers } of namings(tenant, elsewhere)) {
            const body = { title: "by a member", tenant: elsewhere };
            const made = await caller.ask("POST", `${path}/posts?depth=0`, { headers, body });
            t.match(made, { status: 201, json: { tenant } }, path);
            const own = await caller.ask("PATCH", `${path}/posts/${idOf(tenant, 1)}?depth=0`, {
              headers,
              body,
            });
            t.match(own, { status: 200, json: { tenant, title: "by a member" } }, path);

            const before = await snapshotOf(site.cms);
            for (const method of ["PATCH", "PUT", "DELETE"]) {
              const target = `${path}/posts/${idOf(elsewhere, 2)}`;
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

await tap.test("tenants alternate under one key without one standing in for the other", async (t) => {
  const caller = site.as("partnerAC");
  const rounds = await Promise.all(
    Array.from({ length: 20 }, (_, i) => owners(caller, i % 2 === 0 ? "tenant-a" : "tenant-c")),
  );
  for (const [i, found] of rounds.entries()) t.strictSame([...new Set(found)], [i % 2 === 0 ? 1 : 3]);
});

await tap.test("keys alternate in one tenant without one standing in for the other", async (t) => {
  const keys: KeyName[] = ["partnerA", "partnerB", "partnerC", "partnerAC", "admin"];
  const found = await Promise.all(keys.map((key) => owners(site.as(key), "tenant-a")));
  t.strictSame(
    found.map((list) => [...new Set(list)]),
    [[1], [404], [404], [1], [1]],
  );
});

await tap.test("a tenant that one is no member of cannot be told from one that does not exist", async (t) => {
  const namings = [
    ["tenant-b", "tenant-x", {}, {}],
    ["tenant-x", "tenant-x", { "x-basker-tenant-id": "2" }, { "x-basker-tenant-id": "77" }],
    ["tenant-x", "tenant-x", { "x-basker-tenant-slug": "tenant-b" }, { "x-basker-tenant-slug": "tenant-y" }],
  ] as const;
  const caller = site.as("partnerAC");
  for (const [path, nobodys, headers, others] of namings) {
    for (const rest of ["", "/posts", "/posts/25", "/nosuch", "/users"]) {
      const foreign = await caller.ask("GET", path + rest, { headers });
      const missing = await caller.ask("GET", nobodys + rest, { headers: others });
      t.equal(foreign.status, 404);
      t.equal(foreign.json["error"], "Tenant not found");
      t.equal(faceOf(foreign), faceOf(missing), `${path}${rest} ${JSON.stringify(headers)}`);
    }
  }
});

await tap.test(
  "the CMS is asked with the resolved tenant alone, whatever the request said beside it",
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
