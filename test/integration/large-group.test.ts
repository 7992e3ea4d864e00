import t from "tap";
import type { Payload, Where } from "payload";
import { STANDARD } from "../support/cms/collections.ts";
import { KEYS } from "../support/cms/keys.ts";
import type { Project } from "../support/cms/project.ts";
import { docsOf, FIXTURE_SETTINGS, startSite } from "../support/isolation.ts";

// Each query in a group's scope names every tenant of the group. Four hundred ids do not fit into a URL.

const MEMBERS = 400;
const slugOf = (n: number): string => `m-${n}`;

/** Creates a group of `MEMBERS` and a tenant outside it, by UUIDs. Each has a venue and an event at it. */
async function seed(payload: Payload): Promise<void> {
  const shared = ["events", "venues"];
  const group = await payload.create({
    collection: "tenant-groups",
    data: { name: "Large", sharedCollections: shared },
  });
  const user = {
    name: "partner",
    email: "partner@cms.test",
    password: "partner-password",
    enableAPIKey: true,
    apiKey: KEYS.partnerA,
  };
  for (let n = 0; n <= MEMBERS; n += 1) {
    const isOutside = n === MEMBERS;
    const data = { name: slugOf(n), slug: slugOf(n), ...(!isOutside && { group: group.id }) };
    const { id: tenant } = await payload.db.create({ collection: "tenants", data });
    const title = isOutside ? "outside" : `${n}`;
    const { id: venue } = await payload.db.create({ collection: "venues", data: { title, tenant } });
    const event = { title, tenant, venue, startDate: "2026-01-01T00:00:00.000Z" };
    await payload.create({ collection: "events", data: event });
    if (n === 0)
      await payload.create({
        collection: "users",
        data: { ...user, roles: ["editor"], tenants: [{ tenant }] },
      });
  }
  // The other member's venue has an event of the tenant outside the group.
  const outside = await oneOf(payload, "tenants", { slug: { equals: slugOf(MEMBERS) } });
  const venue = await oneOf(payload, "venues", { title: { equals: "1" } });
  const event = {
    title: "intruder",
    tenant: outside.id,
    venue: venue.id,
    startDate: "2026-01-01T00:00:00.000Z",
  };
  await payload.create({ collection: "events", data: event });
}

async function oneOf(payload: Payload, collection: string, where: Where) {
  const { docs } = await payload.find({
    collection,
    where,
    limit: 1,
    depth: 0,
  });
  const [found] = docs;
  if (found === undefined) throw new Error(`no such ${collection}`);
  return found;
}

const project: Project = {
  ...STANDARD,
  name: "large-group",
  uuids: true,
  uploads: [],
  seed,
  sources: [new URL(import.meta.url)],
};
const site = await startSite(FIXTURE_SETTINGS, { project });
t.teardown(() => site.close());
const partner = site.as("partnerA");
const { payload } = site.cms;
const A = slugOf(0);

const idIn = async (collection: string, title: string) =>
  String((await oneOf(payload, collection, { title: { equals: title } })).id);

t.test("only a query too long for a URL is sent as a POST, which the CMS reads as a GET", async (t) => {
  await partner.ask("GET", `${A}/venues?limit=1`);
  site.cms.takeRequests();
  t.match(await partner.ask("GET", `${A}/venues?limit=1`), { status: 200, json: { totalDocs: MEMBERS } });
  t.match(await partner.ask("GET", `${A}/posts?limit=1`), { status: 200, json: { totalDocs: 0 } });
  const sent = site.cms.takeRequests().map(({ method, path }) => `${method} ${path.split("?")[0]}`);
  t.strictSame(sent, ["POST /api/venues", "GET /api/posts"]);
  const titles = Array.from({ length: 500 }, (_, i) => `title number ${i}`).join(",");
  const long = await partner.ask("GET", `${A}/venues?limit=1&where[title][in]=${encodeURIComponent(titles)}`);
  t.match(
    long,
    { status: 200, json: { totalDocs: 0 } },
    "the client's own query may be as long as a URL can be",
  );
});

t.test("a list has the records of every member and no others, page by page", async (t) => {
  const titles = new Set<unknown>();
  for (const page of [1, 2, 3, 4, 5]) {
    const reply = await partner.ask("GET", `${A}/venues?limit=100&depth=0&sort=id&page=${page}`);
    t.match(reply, { status: 200, json: { totalDocs: MEMBERS, totalPages: 4 } });
    for (const { title } of docsOf(reply)) titles.add(title);
  }
  t.equal(titles.size, MEMBERS);
  t.notOk(titles.has("outside"));
  t.equal(docsOf(await partner.ask("GET", `${A}/events?where[title][equals]=intruder`)).length, 0);
  t.equal(docsOf(await partner.ask("GET", `${A}/events?where[title][equals]=7&draft=true`)).length, 1);
  t.match(
    await partner.ask("GET", `${A}/venues?sort=nothing&limit=1`),
    { status: 200 },
    "queried again without the unknown sort",
  );
});

t.test("a read by id finds another member's record, its joins in scope, and no outside record", async (t) => {
  const venue = await partner.ask("GET", `${A}/venues/${await idIn("venues", "1")}?depth=1`);
  t.match(venue, { status: 200, json: { title: "1" } });
  const { docs }: { docs?: unknown } = Object(venue.json["events"]);
  t.match(docs, [{ title: "1" }]);
  t.equal(Array.isArray(docs) && docs.length, 1);
  t.match(await partner.ask("GET", `${A}/venues/${await idIn("venues", "outside")}`), { status: 404 });
  const event = await partner.ask("GET", `${A}/events/${await idIn("events", "1")}?depth=1`);
  t.match(event, { status: 200, json: { venue: { title: "1" } } });
});

t.test("a body can refer only to records that the group shares", async (t) => {
  const startDate = "2026-02-02T00:00:00.000Z";
  const [mates, outsiders] = [await idIn("venues", "399"), await idIn("venues", "outside")];
  const made = await partner.ask("POST", `${A}/events`, { body: { title: "new", startDate, venue: mates } });
  t.match(made, { status: 201 });
  const path = `${A}/events/${String(made.json["id"])}`;
  t.match(await partner.ask("PATCH", path, { body: { venue: outsiders } }), { status: 422 });
  t.match(await partner.ask("PATCH", path, { body: { title: "newer", venue: mates } }), { status: 200 });
  t.match(await partner.ask("DELETE", path), { status: 200 });
  const mate = `${A}/events/${await idIn("events", "1")}`;
  t.match(await partner.ask("PATCH", mate, { body: { title: "mine" } }), { status: 404 });
  t.match(await partner.ask("DELETE", mate), { status: 404 });
});
