// Attack: a partner's own record references another tenant's record, to read that one in the response.
// Amplifier: Payload populates any relation, also in the responses to writes, and its joins list every record
// that points back.
// Defence: a populated record is shown only if it is provably in scope. Any other becomes its id, and secrets
// are removed everywhere.
import tap, { type Test } from "tap";

import {
  breaches,
  docsOf,
  FIXTURE_SETTINGS,
  isJson,
  objectOf,
  startSite,
  type Json,
  type Law,
  words,
} from "../support/isolation.ts";
import { translated, translatedUnder } from "../support/translated.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const a = site.as("partnerA");
const A: Law = { tenant: 1, scope: [1], key: "partnerA" };
const SHARED: Law = { ...A, scope: [1, 2] };
/**
 * Text that occurs only in records of C and D, in users, in contents of tenants and groups, and in B's
 * unshared collections.
 */
const FOREIGN =
  /"[CD] (?:page|event|venue|media|post|session|quote)|"B (?:page|media|post)|[bcd]-\d\.png|@cms\.test|installedApps|North group|super-admin|hasAPIKey|_strategy/;
const DEPTHS = [
  "",
  "?depth=0",
  "?depth=1",
  "?depth=2",
  "?depth=10",
  "?depth=2&locale=all",
  "?depth=2&draft=true",
];

/** Every object with a numeric id anywhere inside `value`: the populated records. */
function populated(value: unknown): Json[] {
  if (Array.isArray(value)) return value.flatMap(populated);
  if (!isJson(value)) return [];
  return Object.values(value).flatMap((inner) => [
    ...(isJson(inner) && typeof inner["id"] === "number" ? [inner] : []),
    ...populated(inner),
  ]);
}

/** Asserts that every populated record is in A's scope or one of the categories, which are open. */
function holdsToScope(t: Test, text: string, name: string): void {
  t.notMatch(text, FOREIGN, name);
  for (const record of populated(objectOf(text))) {
    const { tenant } = record;
    const isOpen = !("tenant" in record) && "name" in record && Object.keys(record).length === 4;
    t.ok(isOpen || tenant === 1 || tenant === 2, `${name}: ${JSON.stringify(record).slice(0, 80)}`);
  }
}

await tap.test("lists and reads of every collection populate no other tenant's record", async (t) => {
  for (const collection of ["events", "venues", "pages", "posts", "media", "files"]) {
    const law = collection === "events" || collection === "venues" ? SHARED : A;
    for (const query of DEPTHS) {
      const list = await a.ask("GET", `tenant-a/${collection}${query}${query === "" ? "?" : "&"}limit=100`);
      t.equal(list.status, 200, collection);
      holdsToScope(t, list.text, `${collection}${query}`);
      for (const { id } of docsOf(list).slice(-4)) {
        const one = await a.ask("GET", `tenant-a/${collection}/${String(id)}${query}`);
        holdsToScope(t, one.text, `${collection}/${String(id)}${query}`);
      }
      t.strictSame(breaches(site.cms.takeRequests(), law), []);
    }
  }
});

await tap.test("a relation to another tenant's record shows only its id", async (t) => {
  t.match((await a.ask("GET", "tenant-a/events/3?depth=2")).json, { venue: 51, organiser: 2, tenant: 1 });
  t.match((await a.ask("GET", "tenant-a/pages/3?depth=2")).json, { hero: 7 });
  t.match((await a.ask("GET", "tenant-a/pages/2?depth=2")).json, {
    related: [
      { relationTo: "events", value: 50 },
      { relationTo: "pages", value: 26 },
    ],
  });
  t.match((await a.ask("GET", "tenant-a/venues/4?depth=2")).json, {
    events: { docs: [{ id: 4, tenant: 1 }] },
  });
  t.match((await a.ask("GET", "tenant-a/events/2?depth=2")).json, { venue: { id: 26, tenant: 2 } }, "shared");
});

await tap.test("the response to a write shows no more than a read would", async (t) => {
  // If relations are declared, a body cannot reference other tenants' records in the first place.
  const bare = await startSite({ ...FIXTURE_SETTINGS, cms: { ...FIXTURE_SETTINGS.cms, relations: {} } });
  t.teardown(() => bare.close());
  const a = bare.as("partnerA");
  // C's venue, C's media, D's page, B's page, the administrator, a category.
  const event = { title: "x", startDate: "2031-01-01", venue: 51, organiser: 1, category: 1 };
  const page = {
    title: "x",
    hero: 7,
    related: [
      { relationTo: "pages", value: 73 },
      { relationTo: "pages", value: 26 },
      { relationTo: "events", value: 50 },
      { relationTo: "venues", value: 75 },
    ],
  };
  for (const query of DEPTHS) {
    for (const [path, body, law] of [
      ["events", event, A],
      ["pages", page, A],
      ["events/5", event, A],
      ["pages/5", page, A],
      ["venues/4", { city: "x" }, A],
    ] as const) {
      const isNew = !path.includes("/");
      for (const method of isNew ? ["POST"] : ["PATCH", "PUT"]) {
        const reply = await a.ask(method, `tenant-a/${path}${query}`, { body });
        t.equal(reply.status, isNew ? 201 : 200, `${method} ${path}${query}`);
        holdsToScope(t, reply.text, `${method} ${path}${query}`);
        t.strictSame(breaches(bare.cms.takeRequests(), law), []);
        if (isNew) {
          const gone = await a.ask("DELETE", `tenant-a/${path}/${String(reply.json["id"])}${query}`);
          t.equal(gone.status, 200);
          holdsToScope(t, gone.text, `DELETE ${path}${query}`);
          bare.cms.takeRequests();
        }
      }
    }
  }
});

await tap.test("no selection makes a related collection of users readable", async (t) => {
  for (const query of [
    "select[organiser]=true&depth=1",
    "select[organiser]=true&depth=1&populate[users][email]=true",
    "select[organiser][email]=true&depth=2",
    "select[tenant]=true&depth=2&populate[tenants][installedApps]=true",
  ]) {
    const reply = await a.ask("GET", `tenant-a/events/1?${query}`);
    t.equal(reply.status, 200, query);
    holdsToScope(t, reply.text, query);
    for (const name of ["organiser", "tenant"]) t.notOk(isJson(reply.json[name]), `${name} is a number`);
  }
});

const SECRETS = words(`
  password salt hash apiKey apiKeyIndex enableAPIKey resetPasswordToken resetPasswordExpiration sessions lockUntil
  loginAttempts
`);

await tap.test("removes secrets from the CMS's responses, which Payload up to 3.89 contained", (t) => {
  const secrets = Object.fromEntries(SECRETS.map((name) => [name, `secret-${name}`]));
  const user = { id: 9, email: "partner-c@cms.test", collection: "users", ...secrets };
  const record = {
    id: 1,
    tenant: { id: 1, slug: "tenant-a", installedApps: ["x"], createdBy: user },
    title: "t",
    ...secrets,
    organiser: user,
    staff: [user, { relationTo: "users", value: user }, { user, note: secrets }],
    group: { deep: [{ deeper: { ...secrets, organiser: user } }] },
    joined: { docs: [user, { relationTo: "users", value: user }], hasNextPage: false, ...secrets },
  };
  for (const kind of ["list", "read", "create", "update", "delete"] as const) {
    const doc = structuredClone(record);
    const text = translated(
      kind,
      kind === "list" || kind === "read" ? { docs: [doc], ...secrets } : { doc, ...secrets },
    );
    t.notMatch(text, /secret-|cms\.test|installedApps/, kind);
    for (const name of SECRETS) t.notOk(text.includes(`"${name}"`), `${kind} ${name}`);
    t.match(text, /"title":"t"/);
  }
  t.end();
});

await tap.test("never returns a record of another tenant, even if the CMS does", (t) => {
  for (const tenant of [3, "3", { id: 3 }, null, { slug: "tenant-a" }]) {
    for (const kind of ["list", "read", "create", "update", "delete"] as const) {
      const doc = { id: 1, tenant, title: "foreign" };
      const body = kind === "list" || kind === "read" ? { docs: [doc] } : { doc };
      t.throws(
        () => translated(kind, body),
        { code: "upstream.failed" },
        `${kind} ${JSON.stringify(tenant)}`,
      );
    }
  }
  t.end();
});

await tap.test("a record that looks like a polymorphic relation still has to prove its tenant", (t) => {
  const foreign = { id: 9, tenant: 2, title: "foreign", relationTo: "pages", value: { id: 3, tenant: 1 } };
  const own = { relationTo: "pages", value: { id: 3, tenant: 1 } };
  const node = {
    type: "upload",
    id: "65f0c0ffee65f0c0ffee65f0",
    relationTo: "media",
    value: { id: 4, tenant: 2 },
  };
  const record = { id: 1, tenant: 1, one: foreign, many: [foreign], own, text: [node] };
  t.strictSame(JSON.parse(translated("read", { docs: [record] })), {
    id: 1,
    tenant: 1,
    one: 9,
    many: [9],
    own,
    text: [{ ...node, value: 4 }],
  });
  t.end();
});

await tap.test(
  "in a declared relation, an object with an id is a record, however few of its fields show",
  (t) => {
    const [asRow, asRecord] = [{}, { cms: { relations: { events: { venues: "venues" } } } }].map(
      (settings) => {
        const record = { id: 1, tenant: 1, venues: [{ id: "v-9", title: "foreign" }] };
        return objectOf(translatedUnder(settings)("read", { docs: [record] }));
      },
    );
    t.strictSame(asRecord?.["venues"], ["v-9"]);
    t.strictSame(
      asRow?.["venues"],
      [{ id: "v-9", title: "foreign" }],
      "the rows of an array have ids as well",
    );
    t.end();
  },
);
