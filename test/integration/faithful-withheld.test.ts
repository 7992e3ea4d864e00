import tap from "tap";
import { type Json } from "../support/isolation.ts";
import { startKitchen } from "../support/kitchen/site.ts";
import { samplesOf } from "../support/scrape.ts";

/**
 * Values that are not proven to be the tenant's are counted by collection and path, separately from breaches.
 */

const kitchen = await startKitchen();
const { site, ask, payload } = kitchen;

/** The values withheld since the last call, by collection and path. */
let before: Readonly<Record<string, number>> = {};
async function withheld(): Promise<Readonly<Record<string, number>>> {
  const now = await samplesOf(site.gateway, "gateway_withheld_values_total");
  const grown = Object.entries(now).map(
    ([labels, count]) => [labels, count - (before[labels] ?? 0)] as const,
  );
  before = now;
  return Object.fromEntries(
    grown
      .filter(([, count]) => count > 0)
      .map(([labels, count]) => [
        labels.replace(/^collection=(.*),path=(.*),action=withheld$/, "$1.$2"),
        count,
      ]),
  );
}

async function made(collection: string, data: Json): Promise<string | number> {
  // Payload itself would refuse a relation into another tenant.
  const { id } = await payload.db.create({ collection, data: { tenant: 1, ...data } });
  return id;
}

const own = await made("venues", { title: "own hall" });
const foreign = await made("venues", { title: "foreign hall", tenant: 3 });

await tap.test("no value is counted if every value is proven to be the tenant's", async (t) => {
  const gig = await made("gigs", { title: "mine", venue: own });
  for (const path of [
    `gigs/${gig}?depth=0`,
    `gigs/${gig}?depth=0&select[venueTitle]=true`,
    `venues/${foreign}`,
  ])
    await ask("GET", `tenant-a/${path}`);
  const barn = await made("venues", { title: "barn" });
  t.match(await ask("GET", `tenant-a/venues/${barn}`), { json: { gigs: { docs: [] } } });
  const hosted = await made("gigs", { title: "hosted", host: 2 });
  t.match(await ask("GET", `tenant-a/gigs/${hosted}?select[host]=true`), { status: 200, json: { host: 2 } });
  t.strictSame(await withheld(), {}, "a user's record is never returned, by rule, and is not counted");
});

await tap.test("a relation and the virtual fields behind it are counted by their paths", async (t) => {
  const gig = await made("gigs", { title: "gig", venue: foreign, stages: [own, foreign, foreign] });
  t.match(await ask("GET", `tenant-a/gigs/${gig}`), { status: 200, json: { venue: foreign } });
  t.strictSame(await withheld(), {
    "gigs.venue": 1,
    "gigs.venueTitle": 1,
    "gigs.stages": 2,
    "gigs.stages.gigs": 1,
    "gigs.stageTitles": 1,
  });
  t.equal((await ask("GET", `tenant-a/gigs/${gig}?depth=0&select[title]=true`)).status, 200);
  t.strictSame(await withheld(), {}, "a field outside the selection is not counted");
});

await tap.test("a relation that its depth shows as an id is not counted", async (t) => {
  const gig = await made("gigs", { title: "gig", venue: foreign });
  t.match(await ask("GET", `tenant-a/gigs/${gig}?depth=0`), { status: 200, json: { venue: foreign } });
  t.strictSame(await withheld(), { "gigs.venueTitle": 1 });
});

await tap.test(
  "a join that is left out counts as one value, and its path begins at a known collection",
  async (t) => {
    const hall = await made("venues", { title: "hall" });
    for (let n = 0; n < 13; n += 1) await made("gigs", { title: `gig ${n}`, venue: hall });
    const { json } = await ask("GET", `tenant-a/venues/${hall}`);
    t.notOk("gigs" in json);
    t.strictSame(await withheld(), { "venues.gigs": 1 }, "own records beyond the page");
    const gig = await made("gigs", { title: "one", venue: hall });
    t.match(await ask("GET", `tenant-a/gigs/${gig}?depth=2`), { status: 200, json: { venue: { id: hall } } });
    t.strictSame(await withheld(), { "gigs.venue.gigs": 1 }, "no setting says that gigs.venue are venues");
  },
);

await tap.test("no withheld value counts as a breach", async (t) => {
  t.strictSame(await samplesOf(site.gateway, "gateway_isolation_total"), {});
  const lines = site.gateway.lines().filter(({ msg }) => msg === "records outside the scope");
  t.strictSame(lines, []);
});
