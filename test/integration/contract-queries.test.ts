import tap, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import {
  A,
  ROW,
  docsOf,
  openHouse,
  queryOf,
  refused,
  strangeHeaders,
  words,
  type Json,
} from "./support-contract.ts";

/** Section 5 of the contract: queries and the shape of their answers. */

const cms = await startCms();
tap.teardown(() => cms.close());
const { ask } = await openHouse(tap, cms.url);
await ask(`GET ${A}/pages`);
tap.beforeEach(() => cms.takeRequests());

const MEMBERS = words(
  "docs totalDocs limit totalPages page pagingCounter hasPrevPage hasNextPage prevPage nextPage",
);

/** Resolves with the query of the request's last upstream request. Rejects if a parameter occurs twice. */
async function sent(what: string, body?: unknown): Promise<Record<string, string>> {
  cms.takeRequests();
  const answer = await ask(what, body === undefined ? {} : { body });
  if (answer.status > 201) throw new Error(`${what}: ${answer.status} ${answer.text}`);
  const query = [...queryOf(cms.takeRequests().at(-1))];
  if (new Set(query.map(([name]) => name)).size < query.length) throw new Error(`twice: ${String(query)}`);
  return Object.fromEntries(query);
}

/** Resolves with the first of tenant A's events in this order. */
async function firstEvent(sort: string): Promise<Json | undefined> {
  return docsOf(await ask(`GET ${A}/events?limit=1&where[tenant][equals]=1&sort=${sort}`))[0];
}

/** Asserts for each list query that the parameters sent to the CMS match the pattern. */
async function asks(t: Test, expected: Record<string, Json>): Promise<void> {
  for (const [query, pattern] of Object.entries(expected)) {
    t.match(await sent(`GET ${A}/pages?${query}`), pattern, query);
  }
}

await tap.test("a list answer has exactly the ten members", async (t) => {
  const plain = await ask(`GET ${A}/pages`);
  t.same(Object.keys(plain.json), MEMBERS);
  t.match(plain.json, { totalDocs: 24, limit: 10, totalPages: 3, page: 1, pagingCounter: 1 });
  t.match(plain.json, { hasPrevPage: false, hasNextPage: true, prevPage: null, nextPage: 2 });
  t.equal(docsOf(plain).length, 10);
  for (const query of [
    "pagination=false",
    "where[id][equals]=0",
    "page=99",
    "where=x",
    "limit=0",
    "page=2",
  ]) {
    t.same(Object.keys((await ask(`GET ${A}/pages?${query}`)).json), MEMBERS, query);
  }
});

await tap.test("limit is 10 by default and at most 100; an invalid value means the default", async (t) => {
  for (let n = 0; n < 90; n += 1) {
    await cms.payload.create({ collection: "posts", data: { tenant: 1, title: `more ${n}` }, depth: 0 });
  }
  const expected: Record<string, number> = { "": 10, "limit=1": 1, "limit=100": 100, "limit=101": 100 };
  const bad = ["limit=-1", "limit=abc", "limit=1.5", "limit=5&limit=6", "limit=", "limit[]=5", "limit=1e1"];
  for (const query of [...bad, "limit=%2B5", "limit=5%20", "limit=0x5"]) expected[query] = 10;
  for (const [query, limit] of Object.entries({ ...expected, "limit=0": 100, "limit=999999": 100 })) {
    const answer = await ask(`GET ${A}/posts?${query}`);
    t.equal(docsOf(answer).length, limit, query);
    t.match(answer.json, { limit, totalDocs: 114 }, query);
  }
  const capped = await openHouse(t, cms.url, { limits: { page: 5 } });
  for (const query of ["", "limit=6", "limit=0", "pagination=false", "pagination=false&limit=50"]) {
    const answer = await capped.ask(`GET ${A}/posts?${query}`);
    t.equal(docsOf(answer).length, 5, `limits.page of 5: ${query}`);
  }
});

await tap.test("page selects a page, with and without pagination=false", async (t) => {
  const second = await ask(`GET ${A}/pages?page=2&limit=10`);
  t.match(second.json, { page: 2, prevPage: 1, nextPage: 3, hasPrevPage: true, pagingCounter: 11 });
  t.match(docsOf(second), [{ id: 14 }, { id: 13 }]);
  for (const page of ["0", "-1", "abc", "1.5", ""]) {
    t.match((await ask(`GET ${A}/pages?page=${page}`)).json, { page: 1 }, `page=${page}`);
  }
  const all = await ask(`GET ${A}/pages?pagination=false`);
  t.match(all.json, { totalDocs: 24, totalPages: 1, hasNextPage: false, nextPage: null });
  t.equal(docsOf(all).length, 24);
  t.notOk("pagination" in (await sent(`GET ${A}/pages?pagination=true`)));
  const uncounted = await ask(`GET ${A}/pages?pagination=false&limit=10&page=2`);
  t.match(docsOf(uncounted), [{ id: 14 }, { id: 13 }], "without a count, page=2 is still the second page");
  for (const limit of ["", "&limit=0"])
    t.equal(
      docsOf(await ask(`GET ${A}/pages?pagination=false&page=2${limit}`)).length,
      24,
      "without a limit there is only one page",
    );
});

await tap.test("sort takes own fields in either direction, and no path into another record", async (t) => {
  t.match(await firstEvent("id"), { id: 1 });
  t.match(await firstEvent("-title"), { title: "A event 9" });
  const dropped = [
    "venue.title",
    "-venue.title",
    "venue__title",
    "-tenant__slug",
    "organiser.email",
    "tenant.slug",
  ];
  for (const sort of [...dropped, "apiKey", "-hash", "$where", "a b", "venue.title,organiser__email"]) {
    t.notOk("sort" in (await sent(`GET ${A}/events?sort=${sort}`)), sort);
  }
  t.match(await sent(`GET ${A}/events?sort=-title,venue.title,id`), { sort: "-title,id" });
  t.match(await sent(`GET ${A}/events?sort=-title&sort=id`), { sort: "-title,id" });
});

await tap.test("depth is at most 2, which is also the default", async (t) => {
  await asks(t, {
    "": { depth: "2" },
    "depth=0": { depth: "0" },
    "depth=1": { depth: "1" },
    "depth=3": { depth: "2" },
    "depth=10": { depth: "2" },
    "depth=-1": { depth: "2" },
    "depth=x": { depth: "2" },
    "depth=0&depth=9": { depth: "2" },
  });
  t.match((await ask(`GET ${A}/pages/1?depth=0`)).json, { hero: 1 });
  t.match((await ask(`GET ${A}/pages/1?depth=1`)).json, { hero: { id: 1, tenant: 1 } });
});

await tap.test("locale and fallbackLocale select the language of the answer", async (t) => {
  t.match((await ask(`GET ${A}/pages/3?locale=de`)).json, { title: "A Seite 3" });
  t.match((await ask(`GET ${A}/pages/1?locale=de`)).json, { title: "A page 1" }, "falls back to the default");
  t.notOk(
    "title" in (await ask(`GET ${A}/pages/1?locale=de&fallbackLocale=none`)).json,
    "no fallback with fallbackLocale=none",
  );
  t.match(docsOf(await ask(`GET ${A}/pages?locale=de&sort=id&limit=3`)), [{}, {}, { title: "A Seite 3" }]);
  t.match((await ask(`GET ${A}/pages/1?locale=xx`)).json, { title: "A page 1" }, "a bad one is no error");
  t.match(await ask(`GET ${A}/pages/1?locale=de&locale=en`), { status: 200, json: { title: "A page 1" } });
});

await tap.test("draft=true reads and writes the newest version", async (t) => {
  await asks(t, {
    "draft=true": { draft: "true" },
    "draft=false": { draft: undefined },
    "draft=x": { draft: undefined },
  });
  const written = await ask(`PATCH ${A}/pages/5?draft=true&depth=0`, { body: { content: "a draft" } });
  t.match(written, { status: 200, json: { content: "a draft", _status: "draft" } });
  t.match((await ask(`GET ${A}/pages/5?draft=true`)).json, { content: "a draft" });
  t.match((await ask(`GET ${A}/pages/5`)).json, { content: "Content of page 5 of tenant A" });
  t.match(docsOf(await ask(`GET ${A}/pages?draft=true&where[id][equals]=5`)), [{ content: "a draft" }]);
});

await tap.test("select and populate choose the fields of the answer", async (t) => {
  t.same((await ask(`GET ${A}/pages/1?select[slug]=true&depth=0`)).json, { id: 1, slug: "page-1" });
  const [first] = docsOf(await ask(`GET ${A}/pages?select[content]=false&limit=1`));
  t.ok(first && "slug" in first && !("content" in first));
  const populated = await ask(`GET ${A}/pages/1?depth=1&populate[media][alt]=true`);
  t.same(populated.json["hero"], { id: 1, alt: "Alt 1", tenant: 1 });
  const names = Object.keys(
    await sent(`GET ${A}/pages?populate[users][email]=true&populate[tenants][name]=true`),
  );
  t.notMatch(names, /populate/, "collections that are not exposed cannot be named");
  t.notMatch(Object.keys(await sent(`GET ${A}/pages?select[apiKey]=true&select[hash]=true`)), /select/);
});

await tap.test("every other parameter is dropped and never reaches the CMS", async (t) => {
  const others =
    words(`_method=DELETE trash=true joins[events][limit]=0 overrideAccess=true user=1 x=y data={}
    fallback-locale[]=x overrideLock=true autosave=true publishAllLocales=true showHiddenFields=1 tenant=2
    x-http-method-override=DELETE flattenLocales=true constructor=1 __proto__[x]=1`).join("&");
  const one = `${others}&where[id][exists]=true&limit=5&page=2&sort=id&pagination=false`;
  const body = { title: "A page 7", slug: "page-7" };
  const requests: readonly (readonly [what: string, parameters: string, body?: unknown])[] = [
    [`GET ${A}/pages`, others],
    [`GET ${A}/pages/1`, one],
    [`PATCH ${A}/pages/7`, one, body],
    [`POST ${A}/posts`, one, { title: "x" }],
    [`DELETE ${A}/posts/1`, one],
  ];
  for (const [what, parameters, fields] of requests) {
    const { where = "", limit: _, pagination: __, ...rest } = await sent(`${what}?${parameters}`, fields);
    t.same(rest, { depth: "2" }, what);
    t.notMatch(where, /exists|nosuch/, `${what}: only a list takes the client's where`);
  }
  const all = "locale=de&fallbackLocale=none&draft=true&select[title]=true&populate[media][alt]=true&depth=1";
  const kept = { depth: "1", locale: "de", "fallback-locale": "none", draft: "true" };
  const chosen = { "select[title]": "true", "populate[media][alt]": "true" };
  for (const [what, , fields] of [
    ...requests.slice(0, 3),
    [`POST ${A}/pages`, "", { title: "x" }] as const,
  ]) {
    t.match(await sent(`${what}?${all}`, fields), { ...kept, ...chosen }, `${what}: known ones are kept`);
  }
});

await tap.test("a single document is flat, and its route ignores list parameters", async (t) => {
  const answer = await ask(`GET ${A}/pages/1?depth=0`);
  t.same(strangeHeaders(answer), []);
  const members = words("_status content createdAt hero id related slug tenant title updatedAt");
  t.same(Object.keys(answer.json).toSorted(), members);
  const query = "where={bad&limit=x&depth=y&id=1&page=-1&sort=$";
  t.match(
    await ask(`GET ${A}/pages/2?${query}`),
    { status: 200, json: { id: 2 } },
    "an invalid value is no error",
  );
  refused(t, await ask(`GET ${A}/pages/99999?${query}`), ROW.documentNotFound);
});

await tap.test("secret fields are configurable and removed at every depth", async (t) => {
  const kept = await ask(`GET ${A}/events/1?depth=1`);
  t.match(kept.json, {
    location: { zone: /./ },
    sessions_list: [{ label: /./ }],
    venue: { id: 1, city: "Bergen" },
    layout: [{ text: /./ }],
  });
  const other = await openHouse(t, cms.url, { cms: { secretFields: ["zone", "label", "text"] } });
  const event = `${A}/events/1?depth=0`;
  for (const [what, body] of [
    [`GET ${event}`],
    [`GET ${A}/events?limit=40`],
    [`PATCH ${event}`, { title: "x" }],
  ] as const) {
    const answer = await other.ask(what, body === undefined ? {} : { body });
    t.match(answer, { status: 200, text: '"city":' }, what);
    t.notMatch(answer.text, /"(?:zone|label|text)":/, what);
  }
});
