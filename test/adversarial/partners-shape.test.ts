// Attack: parameters that shape a response so that a record's tenant is hidden, or that more records come
// than allowed.
// Amplifier: `select` can hide the tenant, `depth` follows any relation, `joins` and `limit` have no bounds
// in Payload.
// Defence: the scope is part of the query instead of a check of the response. Every parameter is parsed,
// bounded or dropped.
import tap, { type Test } from "tap";

import { breaches, docsOf, isJson, startSite, type Law, type Reply } from "../support/isolation.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => void site.cms.takeRequests());

const a = site.as("partnerA");
const SHARED: Law = { tenant: 1, scope: [1, 2], key: "partnerA" };
/** Text that occurs only in records of C and D, in users, and in contents of tenants. */
const FOREIGN =
  /"[CD] (?:page|event|venue|media|post|session|quote)|[cd]-\d\.png|@cms\.test|installedApps|North group/;

/**
 * Reads a shared collection. Asserts that no other tenant's record came and no unknown parameter was
 * forwarded.
 */
async function asks(t: Test, path: string): Promise<Reply> {
  const reply = await a.ask("GET", `tenant-a/${path}`);
  const requests = site.cms.takeRequests();
  t.strictSame(breaches(requests, SHARED), [], path);
  for (const { path: target } of requests.filter(({ path: each }) =>
    /^\/api\/(?:events|venues)/.test(each),
  )) {
    const parameters = new URL(target, "http://cms.invalid").searchParams;
    for (const name of parameters.keys()) t.match(name, KNOWN, path);
    const limit = Number(parameters.get("limit"));
    // For Payload, a limit of 0 means no limit.
    t.ok(Number(parameters.get("depth")) <= 2 && limit >= 1 && limit <= 100, target);
    t.equal(new Set(parameters.keys()).size, parameters.size, `${path}: each parameter once`);
  }
  t.equal(reply.status, 200, path);
  t.notMatch(reply.text, FOREIGN, path);
  return reply;
}

const KNOWN =
  /^(?:where|limit|depth|page|pagination|sort|locale|fallback-locale|draft|(?:select|populate)\[.*\]|joins\[events\]\[where\]\[tenant\]\[in\])$/;

await tap.test("select cannot hide or forge a record's tenant", async (t) => {
  const selections = [
    "select[title]=true",
    "select[tenant]=false",
    "select[tenant]=true&select[title]=false",
    "select[title]=false&select[tenant]=true",
    "select[tenant]=true&select[tenant]=false",
    "select[tenant][name]=true",
    "select[tenant][id]=false&select[title]=true",
    "select[location][city]=false&select[tenant]=true",
    "select[tenant]=true&select[location][city]=false",
    "select[title]=true&select[location][city]=false&select[location][zone]=true",
    "select=title",
    "select[]=tenant",
    "select[__proto__][tenant]=false",
    "select[constructor]=true",
    "select[tenant.id]=true",
    "select[venue][tenant]=false",
    "select[organiser][email]=true",
    `select${"[location]".repeat(20)}=true`,
  ];
  for (const selection of selections) {
    for (const depth of [0, 2]) {
      const one = await asks(t, `events/3?depth=${depth}&${selection}`);
      t.equal(one.json["id"], 3);
      const list = docsOf(await asks(t, `events?limit=100&depth=${depth}&${selection}`));
      t.equal(list.length, 48, selection);
      for (const record of [one.json, ...list])
        t.ok([undefined, 1, 2].includes(Number(record["tenant"] ?? 1)));
    }
  }
});

await tap.test("populate cannot show a withheld record or field", async (t) => {
  // Event 3 is at C's venue 51, event 2 at B's shared venue 26.
  const populations = [
    "populate[venues][title]=true",
    "populate[venues][tenant]=false",
    "populate[venues][title]=true&populate[venues][tenant]=false",
    "populate[venues][title]=false",
    "populate[users][email]=true",
    "populate[users][apiKey]=true&populate[users][hash]=true",
    "populate[tenants][name]=true&populate[tenant-groups][name]=true",
    "populate[media][filename]=true",
    "populate=users",
    "populate[]=users",
    "populate[__proto__][email]=true",
    "populate[users]=true",
  ];
  for (const population of populations) {
    for (const depth of [1, 2, 10]) {
      const third = await asks(t, `events/3?depth=${depth}&${population}`);
      t.match(third.json, { id: 3, venue: 51, organiser: 2, tenant: 1 }, population);
      const second = await asks(t, `events/2?depth=${depth}&${population}`);
      const { venue } = second.json;
      t.equal(isJson(venue) ? venue["id"] : venue, 26);
    }
  }
});

await tap.test("joins are always in scope", async (t) => {
  // Venue 4 is A's and lists event 4 (A) and event 52 (C).
  for (const joins of [
    "joins=false",
    "joins[events][where][tenant][equals]=3",
    "joins[events][where][tenant][in][0]=3",
    "joins[events][where][or][0][id][exists]=true",
    "joins[events][limit]=0&joins[events][count]=true",
    "joins[events][sort]=organiser.email",
    "joins[events][page]=2",
    "joins[events]=false",
    `joins=${encodeURIComponent('{"events":{"where":{"tenant":{"equals":3}}}}')}`,
    "joins[others][where][id][exists]=true",
  ]) {
    for (const depth of [0, 1, 2]) {
      const { events } = (await asks(t, `venues/4?depth=${depth}&${joins}`)).json;
      const docs = isJson(events) && Array.isArray(events["docs"]) ? events["docs"] : [];
      t.strictSame(
        docs.map((doc: unknown) => (isJson(doc) ? doc["id"] : doc)),
        [4],
        joins,
      );
      t.notOk(isJson(events) && "totalDocs" in events, "the total count is not shown");
    }
  }
});

await tap.test("depth and limit are bounded in any spelling", async (t) => {
  for (const value of [
    "0",
    "1",
    "3",
    "10",
    "99",
    "-1",
    "abc",
    "1e9",
    "0x9",
    "",
    "1.5",
    "[]",
    "101",
    "100000",
    "9".repeat(30),
  ]) {
    for (const name of ["depth", "limit", "page"]) {
      await asks(t, `events?${name}=${value}`);
      await asks(t, `events?${name}=${value}&${name}=100000`);
      await asks(t, `events?${name}[]=${value}&pagination=false`);
      await asks(t, `events?${name}[$gt]=${value}&pagination=false&pagination=true`);
    }
  }
  t.equal(docsOf(await asks(t, "events?limit=0&pagination=false")).length, 48);
});

await tap.test("drops every other parameter of Payload", async (t) => {
  for (const query of [
    "trash=true",
    "overrideAccess=true&overrideLock=true&showHiddenFields=true&disableErrors=true",
    "user=1&collection=users&id=49&tenant=3&req[user][id]=1",
    "flattenLocales=false&data[tenant]=3&context[x]=1&autosave=true&publishSpecificLocale=en",
    "locale=en%26where%5Btenant%5D%5Bequals%5D=3",
    "locale=en&locale=de",
    "locale[0]=en",
    "fallback-locale=en%26depth=9&fallbackLocale=none%26trash=true",
    "draft=1&draft[]=true",
    "_method=DELETE&_payload=%7B%7D",
    "limit=5%26where[tenant][equals]=3",
    "page=1%23",
    "sort=title%26trash=true",
    "select[title%5D%26trash]=true",
    "populate[venues%5D%26trash][title]=true",
    "nextPage=1;limit=1000",
    "%00=1&%=1&=&&&",
  ]) {
    const reply = await asks(t, `events?${query}`);
    t.ok(docsOf(reply).length <= 10, query);
  }
});
