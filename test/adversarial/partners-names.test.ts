import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { docsOf, openHouse, queryOf, type Answer, type Json } from "../integration/support-contract.ts";

/** A version's own field names, as a way around the rules, which apply to the CMS's names. */

const OLD = "/partners/2025-07/tenant-a";
const cms = await startCms();
tap.teardown(() => cms.close());

const fields = {
  events: { rename: { owner: "tenant", place: "venue", when: "startDate" }, remove: ["code", "location"] },
  venues: { rename: { listed: "events" }, remove: ["city"] },
};
const house = await openHouse(tap, cms.url, {
  cms: { ownPaths: { events: ["location.city"] }, joins: { venues: { events: "events" } } },
  partners: { versionSettings: { "2025-07": { fields } } },
});
const { ask } = house;
tap.beforeEach(() => cms.reset());

const inCms = async (id: unknown): Promise<Json> => {
  const found: unknown = await cms.payload.findByID({ collection: "events", id: Number(id), depth: 0 });
  return typeof found === "object" && found !== null ? { ...found } : {};
};
const ids = (answer: Answer): unknown[] => docsOf(answer).map(({ id }) => id);

await tap.test("a removed field matches nothing, in any spelling of a condition", async (t) => {
  const law = (name: string) => [
    `where[${name}][like]=A`,
    `where[or][0][${name}][like]=A`,
    `where[and][0][or][0][${name}][exists]=true`,
    `where={"AND":[{"${name}":{"not_equals":"x"}}]}`,
  ];
  for (const name of ["code", "location", "location.city", "location__city", "version.code", "code.en"]) {
    for (const query of law(name)) {
      const answer = await ask(`GET ${OLD}/events?depth=0&${query}`);
      t.same([answer.status, ids(answer)], [200, []], `${query} matches nothing`);
    }
  }
  const current = await ask(
    "GET /partners/2026-02/tenant-a/events?where[location.city][equals]=Oslo&limit=1",
  );
  t.equal(ids(current).length, 1, "although another version can compare it");
});

await tap.test("a removed field is not a sort order, and does not reach the CMS", async (t) => {
  for (const sort of ["code", "-code", "title,code", "location.city", "location__city"]) {
    cms.takeRequests();
    await ask(`GET ${OLD}/events?depth=0&sort=${sort}`);
    const asked = cms.requests.map((request) => queryOf(request).get("sort"));
    t.notMatch(asked.join(), /code|location/, sort);
  }
});

await tap.test("a removed field is not readable by select, by populate or through a join", async (t) => {
  const queries = [
    "/events/3?depth=0",
    "/events/3?select[code]=true&select[location][city]=true",
    "/events?select[location]=true&where[id][equals]=3",
    "/venues/3?depth=2&populate[events][code]=true&populate[events][location]=true",
    "/pages/5?depth=2&populate[events][code]=true",
    "/events/5?depth=1&populate[venues][city]=true",
    "/events/5?depth=2",
  ];
  for (const query of queries) {
    const answer = await ask(`GET ${OLD}${query}`);
    t.equal(answer.status, 200, query);
    t.notMatch(answer.text, /"code"|"location"|"city"|A-0\d\d|Bergen|Oslo/, query);
  }
  const undeclared = await ask(`GET ${OLD}/events/5?depth=1`);
  t.match(
    undeclared.json,
    { place: { id: 5, title: "A venue 5" } },
    "an undeclared relation is shown without it",
  );
});

await tap.test("a removed field is not writable, and a rejection does not mention it", async (t) => {
  const body = {
    title: "x",
    when: "2031-01-01",
    code: "A-001",
    location: { city: "Oslo" },
    "location.city": "Oslo",
  };
  const created = await ask(`POST ${OLD}/events?depth=0`, { body });
  t.equal(created.status, 201, "the CMS does not check a value that is taken");
  t.match(await inCms(created.json["id"]), { code: null, location: { city: null } });
  const patched = await ask(`PATCH ${OLD}/events/4?depth=0`, { body: { ...body, code: "Z-9" } });
  t.equal(patched.status, 200);
  t.match(await inCms(4), { title: "x", code: "A-004", location: { city: "Stavanger" } });
});

await tap.test("the tenant under another name moves no record and widens no scope", async (t) => {
  const tricks: Json[] = [
    { owner: 3 },
    { owner: { id: 3 } },
    { tenant: 3 },
    { "owner.id": 3, "tenant.id": 3 },
    { owner: 3, tenant: 3 },
  ];
  for (const trick of tricks) {
    const created = await ask(`POST ${OLD}/events?depth=0`, {
      body: { title: "x", when: "2031-01-01", ...trick },
    });
    t.match(created, { status: 201, json: { owner: 1 } }, `create ${JSON.stringify(trick)}`);
    t.match(await inCms(created.json["id"]), { tenant: 1 });
    t.equal((await ask(`PATCH ${OLD}/events/4?depth=0`, { body: trick })).status, 200);
    t.match(await inCms(4), { tenant: 1 }, `update ${JSON.stringify(trick)}`);
  }
  for (const query of [
    "where[owner][equals]=3",
    "where[owner][in][0]=3",
    "where[tenant][equals]=3",
    "where[owner.id][equals]=3",
    "where[owner__id][exists]=true",
  ])
    t.same(ids(await ask(`GET ${OLD}/events?depth=0&${query}`)), [], query);
  const wide = await ask(
    `GET ${OLD}/events?depth=0&limit=100&where[or][0][owner][equals]=3&where[or][1][id][greater_than]=0`,
  );
  t.ok(
    docsOf(wide).every(({ owner }) => owner === 1 || owner === 2),
    "only A's and the shared ones of its group",
  );
  for (const query of [
    "select[owner]=false",
    "select[title]=true&select[owner]=true&select[tenant]=false",
    "populate[events][owner]=false",
  ])
    t.equal(
      (await ask(`GET ${OLD}/events/52?depth=0&${query}`)).status,
      404,
      `another tenant's event with ${query}`,
    );
});

await tap.test("a renamed relation reaches no record that its own name does not", async (t) => {
  for (const name of [
    "place.tenant",
    "place.title",
    "place__title",
    "venue.title",
    "venue__tenant",
    "place.events.title",
  ]) {
    t.same(ids(await ask(`GET ${OLD}/events?depth=0&where[${name}][exists]=true`)), [], name);
    cms.takeRequests();
    await ask(`GET ${OLD}/events?depth=0&sort=-${name}`);
    t.notMatch(
      cms.requests.map((request) => queryOf(request).get("sort")).join(),
      /venue|place/,
      `sort by ${name}`,
    );
  }
  const foreign = await ask(`GET ${OLD}/events/3?depth=2`);
  t.match(foreign.json, { place: 51 }, "another tenant's venue is its id");
  for (const name of ["listed", "events"])
    t.same(
      ids(await ask(`GET ${OLD}/venues?depth=0&where[${name}][exists]=true`)),
      [],
      `no condition by the join ${name}`,
    );
  const joined = await ask(`GET ${OLD}/venues/4?depth=0`);
  t.notMatch(JSON.stringify(joined.json["listed"]), /\b52\b/, "C's event at A's venue is not listed");
});

await tap.test("a partner's lock is not a field of the CMS, and still locks", async (t) => {
  const stale = { title: "x", ifUpdatedAt: "2001-01-01T00:00:00.000Z" };
  t.equal((await ask(`PATCH ${OLD}/events/4?depth=0`, { body: stale })).status, 409);
});

await tap.test(
  "a declared relation under another name references no record that its own name could not",
  async (t) => {
    const relations = { events: { venue: "venues" } };
    const declared = await openHouse(t, cms.url, {
      cms: { relations },
      partners: { versionSettings: { "2025-07": { fields } } },
    });
    const body = { title: "x", when: "2031-01-01" };
    for (const what of [`POST ${OLD}/events`, `PATCH ${OLD}/events/4`]) {
      const refused = await declared.ask(`${what}?depth=0`, { body: { ...body, place: 51 } });
      t.match(
        refused,
        { status: 422, json: { errors: [{ path: "place" }] } },
        `${what}: another tenant's venue`,
      );
      t.match(await declared.ask(`${what}?depth=0`, { body: { ...body, place: 5 } }), { json: { place: 5 } });
    }
  },
);

await tap.test("a relation named like an own path is still a relation", async (t) => {
  const renamed = { events: { rename: { location: "venue", events: "title" } } };
  const { ask: asking } = await openHouse(t, cms.url, {
    cms: { ownPaths: { events: ["location.city"] } },
    partners: { versionSettings: { "2025-07": { fields: renamed } } },
  });
  const by = (name: string) => asking(`GET ${OLD}/events?depth=0&where[${name}][exists]=true`);
  t.same(ids(await by("location.city")), [], "the own path is the CMS's, and here the name means venue.city");
  t.notSame(ids(await by("events")), [], "a plain field can be compared under any name");
  cms.takeRequests();
  await asking(`GET ${OLD}/events?depth=0&sort=location.city`);
  t.notMatch(cms.requests.map((request) => queryOf(request).get("sort")).join(), /venue|location/);
});
