// Attack: a key used for endpoints besides the records: users, tenants, globals, GraphQL, jobs, locks, login.
// Amplifier: there a partner could rewrite its own memberships, another user's password and key, or a group's
// shared collections.
// Defence: /partners exposes only listed collections, by exact name. A key on any native path is rejected
// without a lookup.
import tap from "tap";

import { loadConfig } from "../../src/config/load.ts";
import { startSite, words } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"] as const;

/** Every endpoint of Payload and the plugin below `/api`, with a harmful body. */
const ENDPOINTS: readonly (readonly [string, unknown?])[] = [
  ["users"],
  ["users/1"],
  ["users/2", { tenants: [{ tenant: 1 }, { tenant: 3 }], roles: ["super-admin"] }],
  ["users/me"],
  ["users/ME"],
  ["users/init"],
  ["users/login", { email: "partner-c@cms.test", password: "partner-c-password" }],
  ["users/logout"],
  ["users/refresh-token"],
  ["users/forgot-password", { email: "partner-c@cms.test" }],
  ["users/reset-password", { token: "x", password: "y" }],
  ["users/unlock", { email: "partner-c@cms.test" }],
  ["users/first-register", { email: "x@cms.test", password: "x" }],
  ["users/verify/x"],
  ["users/1/api-key/reveal"],
  ["users/count"],
  ["tenants"],
  ["tenants/1", { installedApps: ["everything"] }],
  ["tenants/populate-tenant-options"],
  ["tenant-groups"],
  ["tenant-groups/1", { sharedCollections: ["pages", "posts"] }],
  ["globals/site-settings", { internalNote: "changed" }],
  ["globals/access"],
  ["access"],
  ["graphql", { query: 'mutation { updatePost(id: 49, data: {title: "x"}) { id } }' }],
  ["graphql?query={Pages{docs{id}}}"],
  ["graphql-playground"],
  ["payload-preferences"],
  ["payload-preferences/nav", { value: 1 }],
  [
    "payload-locked-documents",
    { document: { relationTo: "posts", value: 49 }, user: { relationTo: "users", value: 2 } },
  ],
  ["payload-jobs"],
  ["payload-jobs/run"],
  ["payload-jobs/handle-schedules"],
  ["payload-migrations"],
  ["payload-kv"],
  ["payload-api-keys"],
  ["secrets"],
  ["secrets/1"],
  ["categories/1"],
  ["pages/versions/49"],
  ["media/file/c-1.png"],
  ["media/paste-url?src=http://127.0.0.1:1/x.png"],
];

await tap.test(
  "none of these endpoints exists under /partners, for a partner or an administrator",
  async (t) => {
    const before = await snapshotOf(site.cms);
    for (const key of ["partnerA", "admin"] as const) {
      for (const [endpoint, body] of ENDPOINTS) {
        for (const method of METHODS) {
          const sent = body === undefined || method === "GET" || method === "HEAD" ? {} : { body };
          const reply = await site.as(key).ask(method, `tenant-a/${endpoint}`, sent);
          t.equal(reply.status, 404, `${method} ${endpoint}`);
          if (method !== "HEAD") t.equal(reply.json["message"], "Route not found", `${method} ${endpoint}`);
        }
      }
    }
    const seen = site.cms.takeRequests().map(({ method, path }) => `${method} ${path.split("?", 1)[0]}`);
    t.strictSame([...new Set(seen)].toSorted(), ["GET /api/tenants", "GET /api/users/me"]);
    t.strictSame(differences(before, await snapshotOf(site.cms)), []);
  },
);

await tap.test("exposes a collection by its exact name only", async (t) => {
  const a = site.as("partnerA");
  for (const name of words(`
      Posts POSTS posts%20 posts. posts%00x p%C3%B3sts post postss posts,users posts+ posts- __proto__
      constructor toString hasOwnProperty users.posts posts%09 api ..posts posts~
    `)) {
    const { status } = await a.ask("GET", `tenant-a/${name}`);
    t.ok(status === 404 || status === 400, `${name}: ${status}`);
  }
  const seen = site.cms.takeRequests().filter(({ path }) => !/^\/api\/(?:users\/me|tenants)\?/.test(path));
  t.strictSame(seen, []);
  t.equal((await a.ask("GET", "tenant-a/p%6fsts")).status, 200, "a percent-encoded letter equals the letter");
});

await tap.test("no configuration can expose users, tenants or the CMS's own collections", (t) => {
  const forbidden = [
    "users",
    "tenants",
    "tenant-groups",
    "payload-preferences",
    "payload-jobs",
    "payload-anything",
    "staff",
  ];
  for (const name of forbidden) {
    for (const settings of [
      { partners: { collections: ["posts", name] } },
      { cms: { openCollections: [name] } },
    ]) {
      const cms = { internal: ["staff"], ...("cms" in settings ? settings.cms : {}) };
      const text = JSON.stringify({ ...settings, cms });
      const env = { UPSTREAM_URL: "http://cms.invalid", CONFIG_FILE: "settings" };
      t.throws(() => loadConfig({ env, readFile: () => text }), { message: new RegExp(name) }, name);
    }
  }
  t.end();
});

/**
 * Values that a CMS could accept as an API key: of any user collection, in any case, beside another scheme.
 */
const SCHEMES = [
  "users API-Key {key}",
  "users api-key {key}",
  "Users API-Key {key}",
  "staff API-Key {key}",
  "API-Key {key}",
  "users  API-Key  {key}",
  "users API-Key",
  "JWT x, users API-Key {key}",
  "users API-Key {key}, Bearer x",
];

await tap.test("rejects a key on a native path, whatever the path, the method and the key", async (t) => {
  const before = await snapshotOf(site.cms);
  const paths = ENDPOINTS.map(([endpoint]) => `/api/${endpoint}`);
  for (const path of [
    ...paths,
    "/api/posts",
    "/api/posts/1",
    "/api",
    "/api/",
    "/admin",
    "/_next/x",
    "/other",
    "/",
  ]) {
    for (const method of METHODS) {
      const reply = await site.as("partnerA").call(method, path, method === "POST" ? { body: {} } : {});
      t.equal(reply.status, 403, `${method} ${path}`);
    }
  }
  for (const scheme of SCHEMES) {
    for (const key of [site.cms.keys.partnerA, site.cms.keys.admin, site.cms.keys.disabled, "nobody", ""]) {
      const reply = await site
        .as("partnerA", scheme.replace("{key}", key).trim())
        .call("GET", "/api/posts/1");
      t.match(reply, { status: 403, json: { message: /^API keys must use the Partners API/ } }, scheme);
    }
  }
  t.strictSame(site.cms.takeRequests(), [], "the CMS received no request");
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});
