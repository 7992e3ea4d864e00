import tap from "tap";

import { breaches, faceOf, FIXTURE_SETTINGS, startSite, type Law } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";

// In declared relations, a body may refer only to records that the tenant may read. A foreign record and a
// missing one get the same answer, so that a reference does not reveal which ids exist.

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const a = site.as("partnerA");
const SHARED: Law = { tenant: 1, scope: [1, 2], key: "partnerA" };
const EVENT = { title: "x", startDate: "2031-01-01" };
/** Venue 51 and media 7 are C's; no record has id 99999. */
const SPELLINGS: readonly ((id: number) => unknown)[] = [
  (id) => id,
  (id) => String(id),
  (id) => ({ id }),
  (id) => ({ id: String(id) }),
  (id) => ({ value: id }),
  (id) => ({ en: id }),
  (id) => ({ relationTo: "venues", value: id }),
  (id) => ({ relationTo: "media", value: { id } }),
  (id) => ({ relationTo: "venues", id }),
  (id) => ({ relationTo: "venues", value: 1, id }),
  (id) => ({ relationTo: "venues", more: [id] }),
  (id) => [id],
  (id) => [1, id],
  (id) => `0${id}`,
  (id) => `${id}abc`,
  (id) => `${id}.0`,
  (id) => ` ${id}`,
  (id) => id + 0.5,
];
const TARGETS = [
  ["POST", "events", "venue", EVENT],
  ["PATCH", "events/1", "venue", {}],
  ["PUT", "events/1", "venue", {}],
  ["PATCH", "pages/1", "hero", {}],
  ["POST", "pages", "hero", { title: "x" }],
] as const;

await tap.test("references to a foreign record and to a missing one get the same answer", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const [method, path, field, rest] of TARGETS) {
    for (const spelt of SPELLINGS) {
      const [foreign, missing] = await Promise.all(
        [field === "venue" ? 51 : 7, 99_999].map((id) =>
          a.ask(method, `tenant-a/${path}`, { body: { ...rest, [field]: spelt(id) } }),
        ),
      );
      const name = `${method} ${path} ${JSON.stringify(spelt(51))}`;
      t.match(
        foreign,
        { status: 422, json: { error: "Validation Failed", errors: [{ path: field }] } },
        name,
      );
      t.equal(foreign && faceOf(foreign), missing && faceOf(missing), name);
    }
  }
  const requests = site.cms.takeRequests();
  t.notOk(
    requests.some(({ method }) => method !== "GET"),
    "the CMS received no write",
  );
  t.strictSame(breaches(requests, SHARED), []);
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});

await tap.test("a body may refer to own records, to shared records of the group, and to none", async (t) => {
  for (const venue of [5, 26, { id: 5 }, null, ""]) {
    const made = await a.ask("POST", "tenant-a/events?depth=0", { body: { ...EVENT, venue } });
    t.equal(made.status, 201, JSON.stringify(venue));
    const changed = await a.ask("PATCH", "tenant-a/events/4?depth=0", { body: { venue } });
    t.equal(changed.status, 200, JSON.stringify(venue));
  }
  const media = await a.ask("PATCH", "tenant-a/pages/1?depth=0", { body: { hero: 4 } });
  t.equal(media.status, 422, "B's media: not shared");
  const open = await a.ask("PATCH", "tenant-a/events/4?depth=0", { body: { category: 2, organiser: 2 } });
  t.match(open, { status: 200, json: { category: 2 } }, "open collections and users are left to the CMS");
});

await tap.test("a record can be written back as it was read, including a foreign relation", async (t) => {
  const { json } = await a.ask("GET", "tenant-a/events/3?depth=0");
  t.equal(json["venue"], 51, "set by an administrator");
  const back = await a.ask("PUT", "tenant-a/events/3?depth=0", { body: { ...json, title: "changed" } });
  t.match(back, { status: 200, json: { title: "changed", venue: 51 } });
  const other = await a.ask("PATCH", "tenant-a/events/3?depth=0", { body: { venue: 52 } });
  t.equal(other.status, 422, "another foreign record is refused");
  const onAnother = await a.ask("PATCH", "tenant-a/events/1?depth=0", { body: { venue: 51 } });
  t.equal(onAnother.status, 422, "another record may not refer to it");
});

await tap.test(
  "ownership is checked first: a foreign record is missing, whatever the body refers to",
  async (t) => {
    for (const venue of [1, 51, 99_999]) {
      const [foreign, missing] = await Promise.all(
        [50, 99_999].map((id) => a.ask("PATCH", `tenant-a/events/${id}`, { body: { venue } })),
      );
      t.equal(foreign?.status, 404);
      t.equal(foreign && faceOf(foreign), missing && faceOf(missing));
    }
  },
);

await tap.test("the check costs one request per hundred ids, and only for such relations", async (t) => {
  const cost = async (method: string, path: string, body: object): Promise<string[]> => {
    site.cms.takeRequests();
    await a.ask(method, `tenant-a/${path}`, { body });
    return site.cms.takeRequests().map((request) => `${request.method} ${request.path.split("?", 1)[0]}`);
  };
  await a.ask("GET", "tenant-a/events?limit=1");
  t.strictSame(await cost("POST", "events", EVENT), ["POST /api/events"]);
  t.strictSame(await cost("POST", "events", { ...EVENT, venue: 5 }), ["GET /api/venues", "POST /api/events"]);
  t.strictSame(await cost("PATCH", "events/5", { title: "y" }), ["GET /api/events", "PATCH /api/events/5"]);
  const [first, second, ...more] = await cost("PATCH", "events/5", { venue: 6 });
  t.strictSame(new Set([first, second]), new Set(["GET /api/events", "GET /api/venues"]), "at the same time");
  t.strictSame(more, ["PATCH /api/events/5"]);
  const venues = Array.from({ length: 250 }, (_, i) => i + 1);
  const many = await cost("POST", "events", { ...EVENT, venue: venues });
  t.strictSame(many, ["GET /api/venues", "GET /api/venues", "GET /api/venues"], "a hundred ids each");
  const toomany = await cost("POST", "events", { ...EVENT, venue: Array.from({ length: 1_001 }, () => 5) });
  t.strictSame(toomany, [], "1,001 ids cause no request");
});

await tap.test("a dotted name in a group or a row is the path that Payload reads", async (t) => {
  const relations = { events: { "location.venue": "venues", "sessions_list.venue": "venues" } };
  const nested = await startSite({ cms: { ...FIXTURE_SETTINGS.cms, relations } }, { record: false });
  t.teardown(() => nested.close());
  for (const spelt of [{ "venue.id": 51 }, { "venue.a.b": [51] }, { venue: { "x.y": 51 } }]) {
    for (const [path, body] of [
      ["location.venue", { location: { city: "x", ...spelt } }],
      ["sessions_list.1.venue", { sessions_list: [{ venue: 1 }, spelt] }],
    ] as const) {
      const answer = await nested.as("partnerA").ask("PATCH", "tenant-a/events/1", { body });
      t.match(answer, { status: 422, json: { errors: [{ path }] } }, JSON.stringify(body));
    }
  }
});
