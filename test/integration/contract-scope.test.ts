import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { A, ROW, docsOf, indistinguishable, openHouse, queryOf, refused, words } from "./support-contract.ts";

/** Section 3 of the contract (the scope of a resolved tenant), and `where` of section 5. */

const cms = await startCms();
tap.teardown(() => cms.close());
const { ask } = await openHouse(tap, cms.url, {
  cms: {
    relations: { events: { venue: "venues", organiser: "users" }, pages: { hero: "media" } },
    joins: { venues: { events: "events" } },
  },
});
await ask(`GET ${A}/posts`);
tap.beforeEach(() => cms.takeRequests());

/** The record as stored in the CMS. */
const stored = (collection: "posts" | "events" | "venues", id: number): Promise<unknown> =>
  cms.payload.findByID({ collection, id, depth: 0 });

/** Resolves with the ids of a list in ascending order, or with the text of an error. */
async function ids(query: string): Promise<unknown[]> {
  const answer = await ask(`GET ${A}/pages?limit=100&sort=id&${query}`);
  return answer.status === 200 ? docsOf(answer).map(({ id }) => id) : [answer.text];
}

await tap.test("every upstream query has the tenant constraint, which the gateway adds", async (t) => {
  const client = { title: { contains: "1" } };
  await ask(`GET ${A}/posts?where=${JSON.stringify(client)}`);
  await ask(`GET ${A}/posts`);
  await ask(`GET ${A}/posts/1?where=${JSON.stringify(client)}`);
  const wheres = cms
    .takeRequests()
    .map((request): unknown => JSON.parse(queryOf(request).get("where") ?? ""));
  const ours = { tenant: { in: [1] } };
  t.same(wheres, [{ and: [ours, client] }, { and: [ours] }, { and: [{ id: { equals: 1 } }, ours] }]);
  for (const what of [`PATCH ${A}/venues/23`, `DELETE ${A}/venues/24`]) {
    await ask(what, { body: { title: "x" } });
    for (const request of cms.takeRequests()) {
      const where = queryOf(request).get("where") ?? '"tenant":{"in":[1]}';
      t.match(where, /"tenant":\{"(?:equals":1|in":\[1\])\}/, `${what}: a write never has the group`);
    }
  }
});

await tap.test("a client's where, in brackets or JSON, can narrow a list and never widen it", async (t) => {
  const b = encodeURIComponent(JSON.stringify({ or: [{ tenant: { equals: 2 } }, { id: { exists: true } }] }));
  const queries: Record<string, number> = {
    "": 24,
    "where[tenant][equals]=2": 0,
    "where[tenant][equals]=1": 24,
    "where[id][in]=1,25,49": 1,
    "where[or][0][tenant][equals]=2": 0,
    "where[or][0][tenant][equals]=2&where[or][1][id][exists]=true": 24,
    "where[and][0][tenant][equals]=2&where[or][0][id][exists]=true": 0,
    "where[or][0][and][0][tenant][not_equals]=1": 0,
    [`where=${b}`]: 24,
    [`where=${b}&where[tenant][equals]=2`]: 0,
    "where[tenant][not_in]=1": 0,
    "where%5Btenant%5D%5Bequals%5D=2": 0,
    "where[AND][0][tenant][equals]=2": 0,
    'where={"tenant":{}}': 24,
    "where={}": 24,
    [`${"a=1&".repeat(1200)}where[tenant][equals]=2`]: 0,
  };
  for (const [query, total] of Object.entries(queries)) {
    const answer = await ask(`GET ${A}/pages?limit=100&${query}`);
    t.equal(answer.json["totalDocs"], total, query.slice(-80));
    t.ok(docsOf(answer).every(({ tenant }) => tenant === 1));
  }
});

await tap.test("where accepts the published operators, in brackets and in JSON", async (t) => {
  const conditions: readonly (readonly [
    field: string,
    operator: string,
    operand: string | number,
    found: number[],
  ])[] = [
    ["id", "equals", 3, [3]],
    ["content", "contains", "page 12 of", [12]],
    ["id", "greater_than", 22, [23, 24]],
    ["id", "greater_than_equal", 22, [22, 23, 24]],
    ["id", "less_than", 3, [1, 2]],
    ["id", "less_than_equal", 3, [1, 2, 3]],
  ];
  for (const [field, operator, operand, found] of conditions) {
    t.same(await ids(`where[${field}][${operator}]=${operand}`), found, `${operator}, brackets`);
    const json = JSON.stringify({ [field]: { [operator]: operand } });
    t.same(await ids(`where=${encodeURIComponent(json)}`), found, `${operator}, JSON`);
  }
  const brackets =
    "where[or][0][id][equals]=1&where[or][1][and][0][id][greater_than]=4&where[or][1][and][1][id][less_than]=6";
  t.same(await ids(brackets), [1, 5], "and, or, brackets");
  const json = {
    or: [{ id: { equals: 1 } }, { and: [{ id: { greater_than: 4 } }, { id: { less_than: 6 } }] }],
  };
  t.same(await ids(`where=${encodeURIComponent(JSON.stringify(json))}`), [1, 5], "and, or, JSON");
});

await tap.test("where accepts the CMS's other read operators as well", async (t) => {
  t.same(await ids("where[id][in]=1,2,49"), [1, 2]);
  t.same(await ids("where[and][0][id][less_than]=4&where[and][1][id][not_in]=1,2"), [3]);
  t.same(await ids("where[and][0][id][less_than]=3&where[and][1][id][not_equals]=1"), [2]);
  t.same(await ids("where[content][like]=page 12"), [12]);
  t.equal((await ids("where[slug][exists]=true")).length, 24);
  t.same(await ids("where[slug][exists]=false"), []);
});

await tap.test("a where that cannot be parsed matches nothing: 200 with an empty list", async (t) => {
  const deep = `${'{"and":['.repeat(40)}{"id":{"equals":1}}${"]}".repeat(40)}`;
  const unreadable = words(`where={bad where=x where=[] where=1 where=true where="x" where[id]=1 where[]=1
    where[id][nosuch]=1 where[id][equals][x]=1&where[and]=1 where[and]=1 where[or][0]=x where[nosuch][equals]=1
    where[venue.title][equals]=x where[hero.title][exists]=true where[tenant__slug][equals]=tenant-a
    where[apiKey][exists]=true where[%24where][equals]=1 where={"and":[null]} where={"id":null} where[id][$gt]=1
    where=${deep}`);
  for (const query of unreadable) {
    const answer = await ask(`GET ${A}/pages?${query}`);
    t.match(answer, { status: 200, json: { docs: [], totalDocs: 0 } }, query.slice(0, 60));
    t.same(answer.json["docs"], [], query.slice(0, 60));
  }
  const asked = decodeURIComponent(
    cms
      .takeRequests()
      .map(({ path }) => path)
      .join(" "),
  );
  t.notMatch(
    asked,
    /"nosuch":"1"|\$|apiKey|tenant__slug|\.title/,
    "an invalid condition is not sent to the CMS",
  );
  for (const query of ["where=", "where={}", "where=null"])
    t.equal((await ids(query)).length, 24, `no condition: ${query}`);
});

await tap.test("reads of a group's shared collections include the records of the group", async (t) => {
  t.match(await ask(`GET ${A}/events`), { json: { totalDocs: 48 } }, "a list");
  t.match(
    await ask(`GET ${A}/events/25`),
    { status: 200, json: { id: 25, tenant: 2 } },
    "a record of another group member",
  );
  t.match(await ask(`GET ${A}/events?where[tenant][equals]=2`), { json: { totalDocs: 24 } });
  refused(t, await ask(`GET ${A}/events/49`), ROW.documentNotFound, "a record outside the group");
  refused(t, await ask(`GET ${A}/posts/25`), ROW.documentNotFound, "of a collection that is not shared");
});

await tap.test("a write to another group member's record gets the same 404 as a missing id", async (t) => {
  const before = [await stored("events", 25), await stored("posts", 25), await stored("events", 49)];
  cms.takeRequests();
  for (const method of ["PATCH", "PUT", "DELETE"]) {
    const body = { title: "taken over" };
    const missing = await ask(`${method} ${A}/events/99999`, { body });
    refused(t, missing, ROW.documentNotFound, `${method} missing`);
    for (const path of ["events/25", "events/49", "posts/25"]) {
      const what = `${method} ${A}/${path}`;
      indistinguishable(t, [await ask(what, { body }), missing], what);
    }
  }
  t.ok(
    cms.takeRequests().every(({ method }) => method === "GET"),
    "the CMS received reads only",
  );
  t.same([await stored("events", 25), await stored("posts", 25), await stored("events", 49)], before);
  indistinguishable(
    t,
    [await ask(`GET ${A}/posts/25`), await ask(`GET ${A}/posts/99999`)],
    "a read shows no difference either",
  );
});

await tap.test("create sets the tenant and update cannot change it, whatever the body has", async (t) => {
  const bodies = [
    { tenant: 2 },
    { tenant: "2" },
    { tenant: { id: 2 } },
    { tenant: null },
    { tenant: [2] },
    { "tenant.id": 2 },
    { "tenant[id]": 2 },
    '{"tenant":1,"tenant":2,"title":"t"}',
    '{"\\u0074enant":2,"title":"t"}',
  ];
  for (const fields of bodies) {
    const body = typeof fields === "string" ? fields : { title: "t", ...fields };
    const name = JSON.stringify(body);
    const created = await ask(`POST ${A}/posts?depth=0`, { body });
    t.match(created, { status: 201, json: { tenant: 1 } }, `POST ${name}`);
    t.match(await stored("posts", Number(created.json["id"])), { tenant: 1 });
    for (const method of ["PATCH", "PUT"]) {
      const moved = await ask(`${method} ${A}/posts/5?depth=0`, { body });
      t.match(moved, { status: 200, json: { tenant: 1 } }, `${method} ${name}`);
      t.match(await stored("posts", 5), { tenant: 1 });
    }
    for (const { method, body: sent = "" } of cms.takeRequests().filter(({ method }) => method !== "GET")) {
      const stamped = method === "POST" ? { title: "t", tenant: 1 } : { title: "t" };
      t.same(JSON.parse(sent), stamped, `sent to the CMS, ${method} ${name}`);
    }
  }
});

await tap.test(
  "populated relations contain no record of another tenant, except of a shared collection",
  async (t) => {
    const shown = async (path: string) => (await ask(`GET ${A}/${path}`)).json;
    t.match(await shown("events/1?depth=2"), { tenant: 1, venue: { id: 1, tenant: 1 }, organiser: Number });
    t.match(await shown("events/2?depth=2"), { venue: { id: 26, tenant: 2, title: "B venue 2" } }, "shared");
    t.match(await shown("events/3?depth=2"), { venue: 51 }, "outside the group: only its id");
    t.match(await shown("pages/3?depth=2"), { hero: 7 }, "not shared: only its id");
    t.match(await shown("pages/2?depth=2"), { related: [{ value: 50 }, { relationTo: "pages", value: 26 }] });
    const joined = await shown("venues/4?depth=1");
    t.match(joined, { events: { docs: [{ id: 4 }] } });
    t.notMatch(JSON.stringify(joined), /C event|"id":52/, "a join lists no foreign record");
    t.match(await shown("venues/4?depth=0"), { events: { docs: [4] } }, "and no foreign id");
    const list = await shown("events?where[id][in]=2,3&depth=2&sort=id");
    t.match(list, { docs: [{ venue: { tenant: 2 } }, { venue: 51 }] }, "in a list");
    const written = await ask(`PATCH ${A}/events/3?depth=2`, { body: { title: "x" } });
    t.match(written, { status: 200, json: { venue: 51 } }, "in the answer of a write");
  },
);
