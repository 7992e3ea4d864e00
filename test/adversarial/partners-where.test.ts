// Attack: a client's `where` that terminates, overrides, extends or bypasses the tenant's constraint.
// Amplifier: Payload reads brackets, JSON, lists and dots, keeps the last of `and` and `or`, and treats `{}`
// as every record.
// Defence: the gateway parses the query and serialises one JSON `where` anew, with the constraint first in
// its one `and`.
import tap, { type Test } from "tap";

import { breaches, docsOf, isJson, objectOf, startSite, type Law, type Reply } from "../support/isolation.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => void site.cms.takeRequests());

const a = site.as("partnerA");
const SCOPES = { pages: [1], venues: [1, 2] } as const;
const NOTHING = { docs: [], totalDocs: 0 };

/** `value` as one JSON `where`, percent-encoded. */
function json(value: unknown): string {
  return `where=${encodeURIComponent(typeof value === "string" ? value : JSON.stringify(value))}`;
}

/** Lists by `query`. Asserts that no other tenant's record came and that the CMS's requests were in scope. */
async function lists(t: Test, collection: keyof typeof SCOPES, query: string): Promise<Reply> {
  const name = `${collection}?${query.length > 90 ? `${query.slice(0, 90)}…` : query}`;
  const scope: readonly number[] = SCOPES[collection];
  const law: Law = { tenant: 1, scope, key: "partnerA" };
  const reply = await a.ask("GET", `tenant-a/${collection}?${query}&limit=100&depth=0`);
  const requests = site.cms.takeRequests();
  t.strictSame(breaches(requests, law), [], name);
  for (const { path } of requests.filter((request) => request.path.startsWith(`/api/${collection}`))) {
    const { searchParams } = new URL(path, "http://cms.invalid");
    const where = objectOf(searchParams.get("where") ?? "");
    const [first]: unknown[] = Array.isArray(where["and"]) ? where["and"] : [];
    t.strictSame([Object.keys(where), first], [["and"], { tenant: { in: scope } }], name);
    t.ok(
      [...searchParams.keys()].every((key) => KNOWN.test(key)),
      `${name}: only known parameters`,
    );
  }
  const owners = docsOf(reply).map(({ tenant }) => tenant);
  t.ok(
    owners.every((owner) => scope.some((id) => id === owner)),
    `${name}: ${owners.join()}`,
  );
  t.ok([200, 500].includes(reply.status), `${name}: ${reply.status}`);
  return reply;
}

const KNOWN =
  /^(?:where|limit|depth|page|pagination|sort|select\[id\]|joins\[events\]\[where\]\[tenant\]\[in\])$/;
const others = { tenant: { equals: 3 } };
const everything = { id: { exists: true } };
const nested = (depth: number, name = "and"): string =>
  `${`{"${name}":[`.repeat(depth)}{"tenant":{"equals":3}}${"]}".repeat(depth)}`;
const brackets = (depth: number): string => `where${"[and][0]".repeat(depth)}[tenant][equals]=3`;

await tap.test("no condition finds a record of another tenant", async (t) => {
  const queries = [
    "where[tenant][equals]=3",
    "where%5Btenant%5D%5Bequals%5D=3",
    "where%5btenant%5d%5bequals%5d=%33",
    "%77here[ten%61nt][%65quals]=3",
    "where[tenant][equals]=3&where[tenant][equals]=1",
    "where[tenant][equals]=1&where%5Btenant%5D%5Bequals%5D=3",
    "where[tenant][in]=1,3",
    "where[tenant][in][]=1&where[tenant][in][]=3",
    "where[tenant][in][0]=1&where[tenant][in][1]=3",
    "where[or][0][tenant][equals]=3",
    "where[Or][0][tenant][equals]=3",
    "where[AND][0][tenant][equals]=3",
    "where[and][0][tenant][equals]=1&where[or][0][tenant][equals]=3",
    "where[or][0][tenant][equals]=3&where[and][0][tenant][equals]=1",
    "where[or][0][tenant][equals]=3&where[or][1][id][exists]=true",
    "where[and][0][or][0][tenant][equals]=3&where[and][0][or][1][id][exists]=true",
    "where[tenant][not_equals]=1",
    "where[tenant][not_in]=1",
    "where[tenant][exists]=true",
    "where[tenant][exists]=false",
    "where[tenant][greater_than]=1",
    "where[tenant][equals]=null",
    "where[tenant][equals]=",
    "where[tenant][equals][0]=3",
    "where[tenant]=3",
    `where[and][0]=${encodeURIComponent(JSON.stringify(others))}`,
    `where[or][0]=${encodeURIComponent(JSON.stringify(others))}`,
    json(others),
    json({ or: [others, everything] }),
    json({ and: [], or: [others] }),
    json({ and: [everything], or: [others] }),
    json({ or: [others], and: [everything] }),
    json({ tenant: { equals: 3 }, or: [others] }),
    json({ OR: [others], Or: [everything], or: [others] }),
    json('{"tenant":{"equals":1},"tenant":{"equals":3}}'),
    json('{"and":[{"tenant":{"equals":1}}],"and":[{"tenant":{"equals":3}}]}'),
    `${json(others)}&${json({ tenant: { equals: 1 } })}`,
    `where[tenant][equals]=1&${json(others)}`,
    `${json(others)}&where[tenant][equals]=1`,
    json(nested(1)),
    json(nested(8, "or")),
    brackets(4),
    brackets(5),
    brackets(12),
    json({ and: [{ tenant: { in: [1, 3] } }, { or: [others, { tenant: { in: [3] } }] }] }),
    json({ id: { in: [1, 25, 49, 73] } }),
    json({ id: { greater_than: 24 } }),
    "where[id][in]=1,25,49,73",
    "where[title][like]=C",
    "where[title][not_like]=A",
    "where[slug][contains]=%25",
    "where[title][equals]=x'%20OR%201%3D1%20--",
    "where[id][equals]=1)%20OR%20(1%3D1",
    "where[tenant][equals]=1;where[tenant][equals]=3",
  ];
  for (const query of queries) for (const each of ["pages", "venues"] as const) await lists(t, each, query);
});

await tap.test("an empty where leaves the tenant's constraint unchanged", async (t) => {
  const queries = [
    "where=",
    "where",
    "where=null",
    json({}),
    json({ and: [] }),
    json({ or: [] }),
    json({ or: [{}] }),
    json({ tenant: {} }),
    json({ and: [{ tenant: {} }] }),
    "Where[tenant][equals]=3",
    "where.tenant.equals=3",
    "where%255Btenant%255D%255Bequals%255D=3",
    "wher%65%00[tenant][equals]=3",
    "x[where][tenant][equals]=3",
    "filter[tenant]=3&tenant=3&tenantId=3&query=3",
  ];
  for (const query of queries) {
    t.equal((await lists(t, "pages", query)).json["totalDocs"], 24, query);
    t.equal((await lists(t, "venues", query)).json["totalDocs"], 48, query);
  }
});

await tap.test("a where that does not parse matches nothing", async (t) => {
  const queries = [
    "where={bad",
    "where=x",
    json('"x"'),
    json([]),
    json([others]),
    json("1"),
    json("true"),
    "where[]=x",
    "where[]=",
    "where[and]=",
    "where[and]=x",
    "where[or][]=",
    "where[and][5000][tenant][equals]=1",
    json({ and: [null] }),
    json({ and: ["x", [], {}] }),
    json({ and: { tenant: { equals: 1 } } }),
    json({ tenant: 1 }),
    json({ tenant: null }),
    json({ tenant: [1] }),
    json({ "": { equals: 1 } }),
    json({ nosuch: { equals: 1 } }),
    json({ title: { nosuch: 1 } }),
    json({ title: { constructor: 1 } }),
    json('{"title":{"__proto__":{"equals":"x"}}}'),
    json('{"__proto__":{"tenant":{"equals":3}}}'),
    json('{"and":[{"__proto__":{"or":[{"tenant":{"equals":3}}]}}]}'),
    "where[__proto__][tenant][equals]=3&where[title][nosuch]=1",
    "where[constructor][prototype][tenant]=3",
    json({ constructor: { equals: 1 } }),
    json({ toString: { equals: 1 } }),
    json({ hasOwnProperty: { exists: true } }),
    json({ $where: { equals: "1" } }),
    json({ title: { $ne: "x" } }),
    json({ tenant: { equals: 1, $gt: 0 } }),
    json({ "tenant\0": { equals: 3 } }),
    json({ "tenant ": { equals: 3 } }),
    json({ "1; DROP TABLE pages": { equals: 3 } }),
    json(nested(9)),
    `where=${nested(1000)}`,
    json({ and: Array.from({ length: 201 }, () => ({ id: { equals: 1 } })) }),
    json({ id: { in: Array.from({ length: 1001 }, (_, i) => i) } }),
  ];
  for (const query of queries)
    t.match(await lists(t, "pages", query), { status: 200, json: NOTHING }, query.slice(0, 90));
  t.equal(Object.hasOwn(Object.prototype, "tenant"), false, "no prototype is modified");
});

await tap.test("parameters beyond a parser's limit do not displace the constraint", async (t) => {
  for (const count of [998, 999, 1000, 1001, 3000]) {
    for (const query of ["where[or][0][id][exists]=true", json(others), "where[tenant][equals]=3"]) {
      const before = await lists(t, "pages", `${"x=1&".repeat(count)}${query}`);
      t.ok(before.json["totalDocs"] === 0 || before.json["totalDocs"] === 24, `${count} before ${query}`);
      await lists(t, "pages", `${query}${"&x=1".repeat(count)}`);
    }
  }
});

await tap.test("forwards the 1,000 ids of the longest allowed list, in scope", async (t) => {
  const ids = Array.from({ length: 1000 }, (_, i) => i);
  t.equal((await lists(t, "pages", json({ id: { in: ids } }))).json["totalDocs"], 24);
});

await tap.test("a where beside an id does not change the meaning of the id", async (t) => {
  for (const query of [
    json(others),
    json({}),
    "where[or][0][id][exists]=true",
    "where[tenant][equals]=3",
    "id=49",
  ]) {
    for (const [id, status] of [
      [1, 200],
      [49, 404],
    ] as const) {
      const reply = await a.ask("GET", `tenant-a/pages/${id}?depth=0&${query}`);
      t.equal(reply.status, status, `${id} ${query}`);
      const requests = site.cms.takeRequests();
      t.strictSame(breaches(requests, { tenant: 1, scope: [1], key: "partnerA" }), []);
      const wheres = requests.map(({ path }) =>
        new URL(path, "http://cms.invalid").searchParams.get("where"),
      );
      t.strictSame(wheres, [`{"and":[{"id":{"equals":${id}}},{"tenant":{"in":[1]}}]}`]);
    }
  }
  const { docs } = (await lists(t, "pages", "where[id][equals]=1")).json;
  t.ok(Array.isArray(docs) && docs.length === 1 && docs.every(isJson), "a valid where still narrows");
});
