import tap from "tap";
import { docsOf, isJson, type Json } from "../support/isolation.ts";
import { startKitchen } from "../support/kitchen/site.ts";

/** A virtual field shows the value of a related record only if that record itself would be shown. */

const kitchen = await startKitchen();
const { site, ask, payload } = kitchen;

type Id = string | number;

async function made(collection: string, data: Json): Promise<Id> {
  // Payload itself would refuse a relation into another tenant.
  const { id } = await payload.db.create({ collection, data: { tenant: 1, ...data } });
  return id;
}

const own = await made("venues", { title: "own hall" });
const foreign = await made("venues", { title: "foreign hall", tenant: 3 });

const SHAPES = [
  "",
  "depth=0",
  "depth=1",
  "depth=2",
  "select[venueTitle]=true",
  "select[venueTitle]=true&depth=0",
  "select[venueTitle]=true&select[venue]=true",
  "select[title]=false",
  "select[venue]=false",
  "select[tenant]=false&depth=0",
];

await tap.test("a virtual field of an own record is shown at any depth, as the CMS selects it", async (t) => {
  const id = await made("gigs", { title: "mine", venue: own, stages: [own] });
  for (const shape of SHAPES)
    for (const path of [`gigs/${id}?${shape}`, `gigs?where[id][equals]=${id}&${shape}`]) {
      const { json } = await ask("GET", `tenant-a/${path}`);
      const record = docsOf({ json })[0] ?? json;
      // Without the relation the CMS has no value for the field, and with it the CMS shows the relation too.
      const isExcluded = shape.includes("select[venue]=false");
      t.equal(record["venueTitle"], isExcluded ? undefined : "own hall", path);
      if (!shape.includes("select")) t.strictSame(record["stageTitles"], ["own hall"], path);
      const { venue } = record;
      const isDeep = shape !== "depth=0" && !shape.endsWith("&depth=0");
      t.equal(
        isJson(venue) ? "record" : typeof venue,
        isExcluded ? "undefined" : isDeep ? "record" : "number",
        path,
      );
    }
});

await tap.test("a virtual field of a foreign record or of a user is withheld", async (t) => {
  const id = await made("gigs", { title: "gig", venue: foreign, host: 1, stages: [own, foreign] });
  for (const shape of SHAPES)
    for (const path of [`gigs/${id}?${shape}`, `gigs?where[id][equals]=${id}&${shape}`]) {
      const { status, text } = await ask("GET", `tenant-a/${path}`);
      t.equal(status, 200);
      t.notMatch(text, /foreign hall|admin@/, path);
      t.notMatch(text, /venueTitle|hostEmail|stageTitles/, "the field is left out");
    }
});

await tap.test("a virtual field of a foreign localized relation is withheld in every locale", async (t) => {
  const id = await made("gigs", { title: "gig", spot: { en: foreign } });
  for (const locale of ["en", "de", "all", "*"])
    for (const shape of ["", "&depth=0", "&select[spotTitle]=true"]) {
      const { status, text } = await ask("GET", `tenant-a/gigs/${id}?locale=${locale}${shape}`);
      t.equal(status, 200);
      t.notMatch(text, /foreign hall/, locale + shape);
    }
});

await tap.test("the answer to a write withholds a foreign virtual field as well", async (t) => {
  const id = await made("gigs", { title: "gig" });
  for (const body of [{ venue: foreign }, { host: 1 }]) {
    const { text } = await ask("PATCH", `tenant-a/gigs/${id}?depth=0`, { body });
    t.notMatch(text, /foreign hall|admin@/, JSON.stringify(body));
  }
  const created = await ask("POST", "tenant-a/gigs", { body: { title: "new", venue: own } });
  t.match(created, { status: 201, json: { venueTitle: "own hall" } });
});

await tap.test("a virtual field without a relation is empty", async (t) => {
  const id = await made("gigs", { title: "bare" });
  const { json } = await ask("GET", `tenant-a/gigs/${id}?depth=0`);
  t.equal(json["venueTitle"] ?? null, null);
  t.equal(json["venue"], null);
});

await tap.test("a virtual field can be neither queried nor sorted by", async (t) => {
  await made("gigs", { title: "gig", venue: foreign, host: 1 });
  for (const where of [
    "where[venueTitle][equals]=foreign hall",
    "where[venueTitle][exists]=true",
    "where[hostEmail][like]=admin",
    "where[or][0][venueTitle][not_equals]=x",
  ])
    t.match((await ask("GET", `tenant-a/gigs?${encodeURI(where)}`)).json, { totalDocs: 0 }, where);
  site.cms.takeRequests();
  await ask("GET", "tenant-a/gigs?sort=-venueTitle,hostEmail");
  t.notMatch(
    site.cms
      .takeRequests()
      .map(({ path }) => path)
      .join(),
    /sort/,
  );
});
