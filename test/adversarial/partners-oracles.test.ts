// Attack: a condition or a sort order by a field of another record, whose value the resulting list then
// reveals.
// Amplifier: Payload follows dots, its SQL adapters also `__`. A join field needs neither to compare other
// records. Under `contains`, a to-many relation accepts a whole query about the related records.
// Defence: only fields of the record itself can be compared or sorted by. Any other condition matches
// nothing, and any other sort order is dropped.
import tap from "tap";

import { breaches, docsOf, faceOf, startSite, type Law } from "../support/isolation.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => void site.cms.takeRequests());

const a = site.as("partnerA");
const A: Law = { tenant: 1, scope: [1], key: "partnerA" };
const SHARED: Law = { ...A, scope: [1, 2] };

/**
 * Conditions on other records, each with a true and a false value (event 3 is at C's venue 51, page 3 shows
 * C's media 7, page 2 is related to C's event 50, venue 4 has C's event 52).
 */
const QUESTIONS: readonly (readonly [string, string, unknown, unknown])[] = [
  ["events", "venue.tenant", 3, 77],
  ["events", "venue__tenant", 3, 77],
  ["events", "venue.title", "C venue 3", "x"],
  ["events", "venue__title", "C venue 3", "x"],
  ["events", "venue.id", 51, 77],
  ["events", "venue.tenant.slug", "tenant-c", "x"],
  ["events", "venue__tenant__slug", "tenant-c", "x"],
  ["events", "venue.tenant__slug", "tenant-c", "x"],
  ["events", "venue.events.title", "C event 3", "x"],
  ["events", "organiser.email", "partner-a@cms.test", "x"],
  ["events", "organiser__email", "partner-a@cms.test", "x"],
  ["events", "organiser.roles", "editor", "super-admin"],
  ["events", "organiser.tenants.tenant", 1, 77],
  ["events", "organiser.tenants.tenant.slug", "tenant-a", "x"],
  ["events", "organiser.hash", "a", "b"],
  ["events", "organiser.apiKey", "a", "b"],
  ["events", "organiser.apiKeyIndex", "a", "b"],
  ["events", "organiser.resetPasswordToken", "a", "b"],
  ["events", "category.name", "Music", "x"],
  ["events", "tenant.id", 1, 3],
  ["events", "tenant__id", 1, 3],
  ["events", "tenant.slug", "tenant-a", "tenant-c"],
  ["events", "tenant__slug", "tenant-a", "tenant-c"],
  ["events", "tenant.installedApps", "tickets", "x"],
  ["events", "tenant.group", 1, 2],
  ["events", "tenant.group.name", "North group", "x"],
  ["events", "version.tenant", 1, 3],
  ["venues", "events", 52, 53],
  ["venues", "events.id", 52, 53],
  ["venues", "events__id", 52, 53],
  ["venues", "events.title", "C event 4", "x"],
  ["venues", "events.tenant", 3, 77],
  ["venues", "events__tenant", 3, 77],
  ["venues", "events.organiser.email", "partner-c@cms.test", "x"],
  ["pages", "hero.tenant", 3, 77],
  ["pages", "hero__filename", "c-1.png", "x"],
  ["pages", "related.title", "C event 2", "x"],
  ["pages", "related.value.title", "C event 2", "x"],
  ["pages", "related.tenant", 3, 77],
];

await tap.test("a true condition on another record gets the same response as a false one", async (t) => {
  for (const [collection, path, truth, untruth] of QUESTIONS) {
    const conditions = [
      (value: unknown) => ({ [path]: { equals: value } }),
      (value: unknown) => ({ [path]: { not_equals: value } }),
      (value: unknown) => ({ [path]: { in: [value] } }),
      (value: unknown) => ({ or: [{ [path]: { equals: value } }, { id: { equals: 1 } }] }),
      (value: unknown) => ({ and: [{ id: { exists: true } }, { or: [{ [path]: { equals: value } }] }] }),
    ];
    for (const condition of conditions) {
      const [yes, no] = [truth, untruth].map((value) => encodeURIComponent(JSON.stringify(condition(value))));
      const target = `tenant-a/${collection}?depth=0&where=`;
      const answer = await a.ask("GET", target + yes);
      t.match(answer, { status: 200, json: { docs: [], totalDocs: 0 } }, `${collection} ${path}`);
      t.equal(faceOf(answer), faceOf(await a.ask("GET", target + no)), `${collection} ${path}`);
    }
    for (const spelt of [`where[${path}][equals]=`, `where[${path.replaceAll(".", "][")}][equals]=`]) {
      const answer = await a.ask(
        "GET",
        `tenant-a/${collection}?depth=0&${spelt}${encodeURIComponent(String(truth))}`,
      );
      t.match(answer, { status: 200, json: { docs: [], totalDocs: 0 } }, `${collection} ${spelt}`);
    }
    const requests = site.cms.takeRequests();
    t.strictSame(breaches(requests, collection === "pages" ? A : SHARED), []);
    const asked = requests.map(({ path: target }) => decodeURIComponent(target)).join("\n");
    t.notOk(asked.includes(`"${path}"`), `${path} never reaches the CMS`);
  }
});

/**
 * Nested queries in place of a value, by a to-many relation: C's event 72 is on A's stage 4, with A's user as
 * a host.
 */
const WITHIN: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ["stages", { tenant: { equals: 1 } }],
  ["stages", { title: { like: "A venue" } }],
  ["stages", { "tenant.group.name": { equals: "North group" } }],
  ["stages", { "events.organiser.email": { like: "@" } }],
  ["stages", { and: [{ title: { like: "A venue" } }] }],
  ["hosts", { email: { like: "partner-a" } }],
  ["hosts", { "tenants.tenant.slug": { equals: "tenant-a" } }],
  ["hosts", { enableAPIKey: { equals: true } }],
  ["hosts", { relationTo: "users", value: 2, email: { like: "partner-a" } }],
];

await tap.test("no nested query in place of a value reaches the CMS", async (t) => {
  const c = site.as("partnerC");
  const events = "tenant-c/events?depth=0&where";
  for (const [field, question] of WITHIN) {
    for (const operator of ["contains", "equals", "in", "like", "all", "exists", "within", "near"]) {
      for (const operand of [question, [question], { or: [question] }]) {
        const where = JSON.stringify({ and: [{ id: { equals: 72 } }, { [field]: { [operator]: operand } }] });
        const answer = await c.ask("GET", `${events}=${encodeURIComponent(where)}`);
        t.match(answer, { status: 200, json: { docs: [], totalDocs: 0 } }, where);
      }
    }
  }
  for (const spelt of ["[hosts][contains][email][like]", "[and][0][hosts][contains][or][0][email][like]"]) {
    const answer = await c.ask("GET", `${events}${spelt}=partner-a`);
    t.match(answer, { status: 200, json: { docs: [], totalDocs: 0 } }, spelt);
  }
  const requests = site.cms.takeRequests();
  t.strictSame(breaches(requests, { tenant: 3, scope: [3], key: "partnerC" }), []);
  t.notMatch(requests.map(({ path: target }) => decodeURIComponent(target)).join("\n"), /hosts|"stages"/);
  const own = await c.ask("GET", `${events}[stages][contains]=4`);
  t.match(
    own,
    { json: { totalDocs: 1, docs: [{ id: 72, stages: [4] }] } },
    "the record's own ids can be compared",
  );
  t.match(
    await c.ask("GET", "tenant-c/events/72?depth=2"),
    { json: { stages: [4], hosts: [2] } },
    "the value is an id",
  );
  const by = encodeURIComponent(JSON.stringify({ related: { equals: { relationTo: "events", value: 50 } } }));
  t.match(await a.ask("GET", `tenant-a/pages?depth=0&where=${by}`), { json: { docs: [{ id: 2 }] } });
});

await tap.test("no sort order by another record or by a secret field reaches the CMS", async (t) => {
  const secrets = [
    "hash",
    "salt",
    "apiKey",
    "apiKeyIndex",
    "resetPasswordToken",
    "password",
    "loginAttempts",
  ];
  const wrong = [
    "__proto__",
    "title[]",
    "title;id",
    "title desc",
    "(select 1)",
    "tenant.",
    ".tenant",
    "a".repeat(101),
  ];
  for (const [collection, path] of [
    ...QUESTIONS,
    ...secrets.map((name) => ["events", name] as const),
    ...wrong.map((name) => ["events", name] as const),
  ]) {
    const plain = await a.ask("GET", `tenant-a/${collection}?depth=0&limit=3`);
    const name = encodeURIComponent(path);
    for (const sort of [
      `sort=${name}`,
      `sort=-${name}`,
      `sort=%20${name}`,
      `sort=,${name},`,
      `sort[]=${name}`,
      `sort[0]=-${name}`,
      `sort=${name}&sort=-${name}`,
    ]) {
      const sorted = await a.ask("GET", `tenant-a/${collection}?depth=0&limit=3&${sort}`);
      t.equal(faceOf(sorted), faceOf(plain), `${collection} ${sort}`);
    }
    const requests = site.cms.takeRequests();
    t.strictSame(breaches(requests, collection === "pages" ? A : SHARED), []);
    t.notOk(
      requests.some(({ path: target }) => /[?&]sort=/.test(target)),
      path,
    );
  }
});

await tap.test("keeps a valid sort order beside one that is dropped", async (t) => {
  const reply = await a.ask("GET", "tenant-a/pages?depth=0&limit=2&sort=venue.tenant,id,hash");
  t.strictSame(
    docsOf(reply).map(({ id }) => id),
    [1, 2],
  );
});

await tap.test("a path declared as the record's own can be compared", async (t) => {
  const reply = await a.ask("GET", "tenant-a/events?depth=0&limit=100&where[location.city][equals]=Oslo");
  t.equal(reply.json["totalDocs"], 12);
});

await tap.test("an undeclared join field reveals no other record", async (t) => {
  const bare = await startSite({});
  t.teardown(() => bare.close());
  const caller = bare.as("partnerA");
  for (const depth of [0, 1, 2]) {
    const { events } = (await caller.ask("GET", `tenant-a/venues/4?depth=${depth}`)).json;
    t.notMatch(
      JSON.stringify(events),
      /52|C event/,
      "its list shows only records that are provably the tenant's own",
    );
  }
  for (const operator of ["equals", "in", "not_equals"]) {
    const [there, not] = await Promise.all(
      [52, 53].map((id) => caller.ask("GET", `tenant-a/venues?depth=0&where[events][${operator}]=${id}`)),
    );
    // A's venue 4 has C's event 52 and no event 53.
    t.equal(there && faceOf(there), not && faceOf(not), operator);
  }
});
