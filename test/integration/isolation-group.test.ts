import tap, { type Test } from "tap";

import { idOf } from "../support/cms/seed.ts";
import { docsOf, faceOf, isJson, startSite, type Json, type Reply, type Site } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";

// A group's members can read the collections that it shares. The group of A and B shares events and venues.

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

/** Starts a site whose group shares only these collections. */
async function sharing(t: Test, collections: string[]): Promise<Site> {
  const other = await startSite();
  t.teardown(() => other.close());
  const data = { sharedCollections: collections };
  await other.cms.payload.update({ collection: "tenant-groups", id: 1, data });
  return other;
}

/** The ids of the records that a venue's join lists. */
function joined({ json }: Pick<Reply, "json">): unknown[] {
  const { events } = json;
  const docs = isJson(events) ? events["docs"] : undefined;
  return Array.isArray(docs) ? docs.map((doc: unknown) => (isJson(doc) ? doc["id"] : doc)) : ["no join"];
}

await tap.test("a list of a shared collection has the records of both members and no others", async (t) => {
  for (const key of ["partnerA", "partnerB"] as const) {
    const own = key === "partnerA" ? "tenant-a" : "tenant-b";
    for (const collection of ["events", "venues"]) {
      const docs = docsOf(await site.as(key).ask("GET", `${own}/${collection}?limit=100&depth=0`));
      t.equal(docs.length, 48);
      t.strictSame(new Set(docs.map(({ tenant }) => tenant)), new Set([1, 2]));
    }
    for (const collection of ["pages", "posts"]) {
      const reply = await site.as(key).ask("GET", `${own}/${collection}?limit=100&depth=0`);
      t.equal(reply.json["totalDocs"], 24, `${collection} are not shared`);
    }
  }
});

await tap.test("a group can have hundreds of members", async (t) => {
  const large = await startSite();
  t.teardown(() => large.close());
  const a = large.as("partnerA");
  for (let n = 0; n < 300; n += 1) {
    const data = { name: `m${n}`, slug: `m-${n}`, group: 1 };
    await large.cms.payload.db.create({ collection: "tenants", data });
  }
  for (const path of ["venues?limit=100&depth=0", "venues/1?depth=0", "events?limit=1&depth=0"])
    t.match(await a.ask("GET", `tenant-a/${path}`), { status: 200 }, path);
  const venue = await a.ask("GET", "tenant-a/venues/4?depth=0");
  t.strictSame(joined(venue), [4], "its joins are in scope");
});

await tap.test("another group member's record can be read, and is missing to a write", async (t) => {
  const a = site.as("partnerA");
  const before = await snapshotOf(site.cms);
  for (const collection of ["events", "venues"]) {
    const mates = `tenant-a/${collection}/${idOf(2, 5)}`;
    t.match(await a.ask("GET", `${mates}?depth=0`), { status: 200, json: { tenant: 2, id: idOf(2, 5) } });
    for (const method of ["PATCH", "PUT", "DELETE"]) {
      for (const query of [
        "",
        "?draft=true",
        "?where[tenant][equals]=2",
        "?overrideLock=true",
        "?trash=true",
      ]) {
        // A client that may not write the record must not learn its `updatedAt` from the answer.
        const body = { title: "by a mate", tenant: 1, ifUpdatedAt: "2026-01-01T00:29:00.000Z" };
        const sent = method === "DELETE" ? {} : { body: query === "" ? body : { ...body, ifUpdatedAt: "x" } };
        const refused = await a.ask(method, mates + query, sent);
        const missing = await a.ask(method, `tenant-a/${collection}/99999${query}`, sent);
        t.equal(refused.status, 404, `${method} ${mates}${query}`);
        t.equal(faceOf(refused), faceOf(missing));
      }
    }
  }
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});

await tap.test("a user of two tenants does not get the group of one through the other", async (t) => {
  const caller = site.as("partnerAC");
  const count = async (tenant: string) =>
    (await caller.ask("GET", `${tenant}/events?depth=0&limit=100`)).json["totalDocs"];
  t.equal(await count("tenant-a"), 48);
  t.equal(await count("tenant-c"), 24);
  t.equal((await caller.ask("GET", `tenant-c/events/${idOf(2, 1)}`)).status, 404);
});

await tap.test("a group that shares nothing gives access to no other record", async (t) => {
  const other = await sharing(t, []);
  const a = other.as("partnerA");
  t.equal((await a.ask("GET", "tenant-a/events?limit=100&depth=0")).json["totalDocs"], 24);
  t.equal((await a.ask("GET", `tenant-a/events/${idOf(2, 1)}`)).status, 404);
  t.match((await a.ask("GET", "tenant-a/events/2?depth=1")).json, { venue: 26 }, "not populated either");
});

await tap.test("a shared venue lists the group's events if events are shared", async (t) => {
  // Venue 26 is B's; its events are 26 (B) and 2 (A). Venue 4 is A's; its events are 4 (A) and 52 (C).
  const a = site.as("partnerA");
  for (const depth of [0, 1, 2]) {
    t.strictSame(joined(await a.ask("GET", `tenant-a/venues/26?depth=${depth}`)), [26, 2]);
    t.strictSame(joined(await a.ask("GET", `tenant-a/venues/4?depth=${depth}`)), [4]);
  }
  const [venue]: Json[] = docsOf(await a.ask("GET", "tenant-a/venues?depth=0&where[id][equals]=26"));
  t.strictSame(joined({ json: venue ?? {} }), [26, 2]);
});

await tap.test("a shared venue does not list the group's events if events are not shared", async (t) => {
  const other = await sharing(t, ["venues"]);
  const a = other.as("partnerA");
  t.equal((await a.ask("GET", `tenant-a/events/${idOf(2, 2)}`)).status, 404, "A cannot read B's event");
  for (const depth of [0, 1, 2]) {
    const reply = await a.ask("GET", `tenant-a/venues/26?depth=${depth}`);
    t.equal(reply.status, 200);
    t.strictSame(joined(reply), [2], `nor is its id listed, depth ${depth}`);
    const [venue]: Json[] = docsOf(await a.ask("GET", `tenant-a/venues?depth=${depth}&where[id][equals]=26`));
    t.strictSame(joined({ json: venue ?? {} }), [2], `in a list, depth ${depth}`);
  }
});

await tap.test("a tenant that has left the group neither shares records nor reads shared ones", async (t) => {
  const other = await sharing(t, ["events"]);
  await other.cms.payload.update({ collection: "tenants", id: 2, data: { group: null } });
  const a = other.as("partnerA");
  t.equal((await a.ask("GET", "tenant-a/events?limit=100&depth=0")).json["totalDocs"], 24);
  t.equal((await a.ask("GET", `tenant-a/events/${idOf(2, 1)}`)).status, 404);
});
