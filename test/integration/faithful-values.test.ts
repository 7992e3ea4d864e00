import tap from "tap";
import { docsOf, isJson, type Json } from "../support/isolation.ts";
import { startKitchen } from "../support/kitchen/site.ts";

/**
 * A partner reads the values that the CMS stores. Writing a record back as it was read does not change it.
 */

const kitchen = await startKitchen();
const { site, ask, payload } = kitchen;

type Id = string | number;
const AT = "2026-05-01T00:00:00.000Z";

const made = (collection: string, data: Json): Promise<Id> => kitchen.made(collection, data);

await tap.test(
  "a JSON field is returned exactly as written, whatever it resembles, also in a list by that field",
  async (t) => {
    const embeds: Json[] = [
      { docs: [{ id: 7 }, "x"], hasNextPage: false, totalDocs: 2 },
      { relationTo: "venues", value: { id: 7, title: "of mine" } },
      { id: 7, tenant: 3, updatedAt: AT, inner: [{ id: 8, tenant: 3, createdAt: AT }] },
    ];
    for (const embed of embeds) {
      const made = await ask("POST", "tenant-a/gigs", { body: { title: "plain", embed } });
      t.strictSame(made.json["embed"], embed);
      const path = `tenant-a/gigs/${String(made.json["id"])}`;
      const { json } = await ask("GET", path);
      t.strictSame(json["embed"], embed);
      t.strictSame((await ask("PATCH", path, { body: json })).json["embed"], embed, "written back");
      for (const by of ["where[embed][exists]=true", "where[embed][exists]=true&sort=embed"]) {
        const listed = await ask(
          "GET",
          `tenant-a/gigs?limit=1&sort=-id&${by}&where[id][equals]=${String(made.json["id"])}`,
        );
        t.strictSame(
          docsOf(listed).map((doc) => doc["embed"]),
          [embed],
          by,
        );
      }
    }
  },
);

await tap.test("array rows with their own timestamps are kept when a record is written back", async (t) => {
  const data = {
    title: "gig",
    sets: [
      { label: "one", createdAt: AT, updatedAt: AT },
      { label: "two", createdAt: AT, updatedAt: AT },
    ],
    parts: [{ blockType: "act", createdAt: AT, inner: [{ updatedAt: AT }] }],
  };
  const id = await made("gigs", data);
  const { status, json } = await ask("GET", `tenant-a/gigs/${id}`);
  t.match({ status, json }, { status: 200, json: data });
  t.match(docsOf(await ask("GET", `tenant-a/gigs?where[id][equals]=${id}`)), [data]);
  const written = await ask("PATCH", `tenant-a/gigs/${id}`, { body: json });
  t.match(written, { status: 200, json: data });
  t.match(await payload.findByID({ collection: "gigs", id, depth: 0 }), data);
});

await tap.test("a join that the gateway did not scope is complete, or it is left out", async (t) => {
  const venue = await made("venues", { title: "hall" });
  const gig = await made("gigs", { title: "mine", venue });
  t.match((await ask("GET", `tenant-a/venues/${venue}`)).json, { gigs: { docs: [{ title: "mine" }] } });
  t.match((await ask("GET", `tenant-a/gigs/${gig}?depth=2`)).json, { venue: { id: venue, title: "hall" } });
  await made("gigs", { title: "of B", venue, tenant: 2 });
  for (const path of [`venues/${venue}`, `venues/${venue}?depth=0`, `gigs/${gig}?depth=2`]) {
    const { status, json, text } = await ask("GET", `tenant-a/${path}`);
    t.equal(status, 200);
    t.notMatch(text, /of B/);
    const holder = isJson(json["venue"]) ? json["venue"] : json;
    t.match(holder, { title: "hall" });
    t.notOk("gigs" in holder, `${path} does not show an empty join`);
  }
  const many = await made("venues", { title: "arena" });
  for (let n = 0; n < 13; n += 1) await made("gigs", { title: `gig ${n}`, venue: many });
  const { json } = await ask("GET", `tenant-a/venues/${many}`);
  t.notOk("gigs" in json, "a page of ten of thirteen records is not shown as complete");
  const empty = await made("venues", { title: "barn" });
  t.match((await ask("GET", `tenant-a/venues/${empty}`)).json, { gigs: { docs: [], hasNextPage: false } });
});

await tap.test("an unknown sort means the default order, not an empty list", async (t) => {
  for (const title of ["a", "b", "c"]) await made("gigs", { title, place: { city: title } });
  const titles = async (query: string) => {
    const { status, json } = await ask("GET", `tenant-a/gigs?limit=3&${query}`);
    return { status, titles: docsOf({ json }).map(({ title }) => title) };
  };
  const standard = await titles("");
  t.strictSame(standard, { status: 200, titles: ["c", "b", "a"] });
  for (const sort of ["notes", "place", "sets", "parts", "nosuch", "-notes", "title,notes", "gigs"])
    t.strictSame(await titles(`sort=${sort}`), standard, sort);
  t.strictSame((await titles("sort=title&where[title][in]=a,b,c")).titles.slice(0, 1), ["a"], "a known one");
});

/** Resolves with the CMS's own answer to a list of gigs. */
const direct = (query: string): Promise<Response> =>
  fetch(`${site.cms.url}/api/gigs?${query}`, {
    headers: { authorization: `users API-Key ${site.cms.keys.partnerA}` },
  });

await tap.test("a condition with a value that the CMS cannot compare matches nothing", async (t) => {
  await made("gigs", { title: "one", date: AT, seats: 5 });
  for (const where of [
    "where[date][equals]=notadate",
    "where[date][greater_than]=notadate",
    "where[date][in]=notadate",
    "where[seats][equals]=many",
    "where[seats][in]=5,many",
    "where[seats][greater_than]=many",
    "where[seats][equals][]=",
    "where[title][near]=1,2,3",
    "where[venue][equals]=nonsense",
    "where[venue][in]=1,nonsense",
    "where[id][equals]=nonsense",
    "where[id][in]=nonsense",
    "where[id][greater_than]=nonsense",
    "where[sets][equals]=x",
    "where[place][equals]=x",
  ])
    for (const sort of ["", "&sort=title", "&sort=notes"]) {
      const { status, json } = await ask("GET", `tenant-a/gigs?${where}${sort}`);
      t.equal(status, 200, where);
      const own = await direct(where);
      await own.arrayBuffer();
      if (own.status !== 200) t.match(json, { totalDocs: 0, docs: [] }, `${where}: ${own.status}`);
    }
  t.ok(docsOf(await ask("GET", "tenant-a/gigs?where[seats][equals]=5")).length > 0, "other conditions match");
  const failures = site.gateway.lines().filter(({ code }) => code === "upstream.failed");
  t.strictSame(failures, [], "no failure of the CMS is logged");
});

await tap.test("a record of several tenants can be read by each of them and written by none", async (t) => {
  const both = await made("clubs", { title: "both", tenant: [1, 2] });
  const alone = await made("clubs", { title: "alone", tenant: [1] });
  const foreign = await made("clubs", { title: "foreign", tenant: [2, 3] });
  const listed = docsOf(await ask("GET", "tenant-a/clubs?sort=title"));
  t.match(listed, [
    { title: "alone", tenant: [1] },
    { title: "both", tenant: [1] },
  ]);
  t.equal(listed.length, 2);
  t.match(await ask("GET", `tenant-a/clubs/${both}?depth=2`), { status: 200, json: { tenant: [1] } });
  t.equal((await ask("GET", `tenant-a/clubs/${foreign}`)).status, 404);
  const body = { title: "new" };
  t.match(await ask("PATCH", `tenant-a/clubs/${alone}`, { body }), { status: 200, json: { title: "new" } });
  for (const id of [both, foreign]) {
    t.equal((await ask("PATCH", `tenant-a/clubs/${id}`, { body })).status, 404);
    t.equal((await ask("DELETE", `tenant-a/clubs/${id}`)).status, 404);
  }
  const created = await ask("POST", "tenant-a/clubs", { body: { title: "made", tenant: [2] } });
  t.match(created, { status: 201, json: { title: "made", tenant: [1] } });
  t.equal((await ask("DELETE", `tenant-a/clubs/${alone}`)).status, 200);
  t.match(await payload.findByID({ collection: "clubs", id: both, depth: 0 }), { tenant: [1, 2] });
});

await tap.test("a byte order mark before a body is skipped", async (t) => {
  const body = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{"title":"marked"}')]);
  const { status, json } = await ask("POST", "tenant-a/venues", { body });
  t.match({ status, json }, { status: 201, json: { title: "marked" } });
  for (const twice of [Buffer.concat([body.subarray(0, 3), body]), body.subarray(0, 3)])
    t.equal((await ask("POST", "tenant-a/venues", { body: twice })).status, 400);
});

await tap.test("select accepts 1 for true", async (t) => {
  const id = await made("gigs", { title: "shown", seats: 5 });
  const { json } = await ask("GET", `tenant-a/gigs/${id}?select[title]=1`);
  t.strictSame(json, { id, title: "shown" });
});
