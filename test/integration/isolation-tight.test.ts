import tap from "tap";

import { KEYS } from "../support/cms/keys.ts";
import { idOf } from "../support/cms/seed.ts";
import { docsOf, faceOf, FIXTURE_SETTINGS, startSite } from "../support/isolation.ts";
import { snapshotOf, differences } from "../support/snapshot.ts";

// A CMS that limits its users itself shows them different tenants. A user's lookup is for this user only.

const tight = { access: "tight" } as const;
const withServiceKey = (key: string): Record<string, unknown> => ({
  cms: { ...FIXTURE_SETTINGS.cms, serviceKey: key },
});

await tap.test("a tenant lookup that finds nothing for one user is not cached for another", async (t) => {
  const site = await startSite(FIXTURE_SETTINGS, tight);
  t.teardown(() => site.close());
  const ways = [
    ["tenant-a", {}],
    ["x", { "x-basker-tenant-slug": "tenant-a" }],
    ["x", { "x-basker-tenant-id": "1" }],
  ] as const;
  for (const [path, headers] of ways) {
    const statuses = [];
    for (const key of [
      "partnerC",
      "partnerD",
      "partnerA",
      "partnerB",
      "admin",
      "partnerC",
      "partnerA",
    ] as const) {
      statuses.push((await site.as(key).ask("GET", `${path}/posts`, { headers })).status);
    }
    t.strictSame(statuses, [404, 404, 200, 404, 200, 404, 200], JSON.stringify([path, headers]));
  }
});

await tap.test("a group lookup for an administrator is not cached for a partner", async (t) => {
  const site = await startSite(FIXTURE_SETTINGS, tight);
  t.teardown(() => site.close());
  const total = async (key: "admin" | "partnerA") =>
    (await site.as(key).ask("GET", "tenant-a/events?limit=100&depth=0")).json["totalDocs"];
  t.equal(await total("admin"), 48, "the CMS shows the administrator both members");
  t.equal(await total("partnerA"), 24, "and a partner its own records");
  t.equal(await total("admin"), 48);
});

await tap.test(
  "the gateway's own key finds tenants for every user, and gives access to none that is foreign",
  async (t) => {
    const site = await startSite(withServiceKey(KEYS.service), tight);
    t.teardown(() => site.close());
    for (const [key, status] of [
      ["partnerC", 404],
      ["partnerA", 200],
      ["partnerB", 404],
      ["partnerAC", 200],
      ["admin", 200],
    ] as const) {
      t.equal((await site.as(key).ask("GET", "tenant-a/posts")).status, status, key);
    }
    for (const { path, headers } of site.cms.takeRequests()) {
      const isByGateway = headers.authorization === `users API-Key ${KEYS.service}`;
      t.equal(
        isByGateway,
        path.startsWith("/api/tenants?"),
        `${path}: this key requests tenants and nothing else`,
      );
    }
  },
);

await tap.test("refusals come from the gateway: foreign and missing records look the same", async (t) => {
  const site = await startSite(FIXTURE_SETTINGS, tight);
  t.teardown(() => site.close());
  const before = await snapshotOf(site.cms);
  const a = site.as("partnerA");
  for (const owner of [2, 3]) {
    for (const collection of ["events", "posts", "pages"]) {
      for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
        const sent = /P/.test(method) ? { body: { title: "by A" } } : {};
        const refused = await a.ask(method, `tenant-a/${collection}/${idOf(owner, 1)}`, sent);
        t.equal(refused.status, 404, `${method} ${collection} of ${owner}`);
        t.equal(faceOf(refused), faceOf(await a.ask(method, `tenant-a/${collection}/99999`, sent)));
      }
    }
  }
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
  t.equal(docsOf(await a.ask("GET", "tenant-a/posts?limit=100&depth=0")).length, 24);
  t.match(await a.ask("PATCH", "tenant-a/posts/1?depth=0", { body: { title: "mine", tenant: 2 } }), {
    status: 200,
    json: { tenant: 1, title: "mine" },
  });
});
