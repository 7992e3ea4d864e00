import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { startDeafCms } from "../support/deaf-cms.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { FIXTURE_SETTINGS } from "../support/isolation.ts";
import { samplesOf } from "../support/scrape.ts";

/**
 * The treatment of records outside the scope that the CMS sends nevertheless, in each mode of the tripwire.
 */

const cms = await startCms({ record: false });
const deaf = await startDeafCms(cms.url);
t.teardown(async () => {
  await deaf.close();
  await cms.close();
});

const METRIC = "gateway_isolation_total";
const WITHHELD = "gateway_withheld_values_total";

async function gatewayTo(t: Test, upstream: string, tripwire: string): Promise<TestGateway> {
  const gateway = await startTestGateway(upstream, { ...FIXTURE_SETTINGS, partners: { tripwire } });
  t.teardown(() => gateway.stop());
  return gateway;
}

async function ask(gateway: TestGateway, path: string, body?: unknown) {
  const answer = await fetch(`${gateway.url}/partners/2026-02/tenant-a/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json: Record<string, unknown> = JSON.parse(text);
  return { status: answer.status, requestId: answer.headers.get("x-request-id"), text, json };
}

const linesOf = (gateway: TestGateway) =>
  gateway
    .lines()
    .filter(({ msg }) => msg === "records outside the scope")
    .map(({ level, requestId, place, action, collection, count }) => ({
      level,
      requestId,
      place,
      action,
      collection,
      count,
    }));

const SHAPES = [
  "",
  "select[title]=true",
  "select[tenant]=false",
  "select[tenant]=true&select[title]=false",
  "select[tenant][id]=false&select[title]=true",
  "select[slug]=false&depth=0",
  "select[title]=true&populate[events][title]=true&populate[venues][title]=true",
  "populate[venues][tenant]=false&depth=2",
];

t.test("a main record outside the scope is a 500, however the client shapes the answer", async (t) => {
  const gateway = await gatewayTo(t, deaf.url, "enforce");
  let refused = 0;
  for (const shape of SHAPES) {
    // Event 50 is C's. This CMS ignores the constraint, so A's own list has events of C and D too.
    for (const path of ["events/50", "events", "posts/49", "posts"]) {
      const { status, json, text, requestId } = await ask(gateway, `${path}?limit=100&${shape}`);
      t.equal(status, 500, `${path}?${shape}`);
      t.match(json, { error: "Server Error", message: "Unexpected error while processing the request" });
      t.notMatch(text, /[CD] (?:event|post)/);
      refused += 1;
      const line = linesOf(gateway).at(-1);
      const [collection] = path.split("/");
      t.strictSame(line, {
        level: 50,
        requestId,
        place: "main",
        action: "refused",
        collection,
        count: 1,
      });
    }
  }
  const samples = await samplesOf(gateway, METRIC);
  t.equal(samples["place=main,action=refused,collection=events"], refused / 2);
  t.equal(samples["place=main,action=refused,collection=posts"], refused / 2);
});

t.test("a joined record outside the requested scope is left out, and is a breach", async (t) => {
  const gateway = await gatewayTo(t, deaf.url, "enforce");
  // Venue 4 has A's event 4 and C's event 52.
  const { status, json, requestId } = await ask(gateway, "venues/4?depth=1");
  t.equal(status, 200);
  t.match(json, { events: { docs: [{ id: 4, tenant: 1 }] } });
  t.notMatch(JSON.stringify(json), /C event/);
  t.match(linesOf(gateway), [
    { level: 50, requestId, place: "join", action: "replaced", collection: "events", count: 1 },
  ]);
});

t.test("fields that only the gateway needs are not shown", async (t) => {
  const gateway = await gatewayTo(t, cms.url, "enforce");
  t.strictSame((await ask(gateway, "events/1?select[title]=true&depth=0")).json, {
    id: 1,
    title: "A event 1",
  });
  const hidden = (await ask(gateway, "events/1?select[tenant]=false&depth=0")).json;
  t.ok("slug" in hidden && !("tenant" in hidden), "only the tenant is left out");
  const made = await ask(gateway, "posts?select[title]=true", { title: "x" });
  t.strictSame(Object.keys(made.json).toSorted(), ["id", "title"]);
});

t.test("a relation to a record outside the scope is its id, and is no breach", async (t) => {
  const gateway = await gatewayTo(t, cms.url, "enforce");
  const { json } = await ask(gateway, "events/3?depth=2");
  t.match(json, { venue: 51, organiser: 2 });
  t.strictSame(linesOf(gateway), [], "nothing is logged at level info");
  t.strictSame(await samplesOf(gateway, METRIC), {});
  t.strictSame(await samplesOf(gateway, WITHHELD), {
    "collection=events,path=venue,action=withheld": 1,
  });
});

t.test("mode observe sends everything except users and secrets, and logs each finding", async (t) => {
  const gateway = await gatewayTo(t, deaf.url, "observe");
  const one = await ask(gateway, "events/51?depth=2");
  t.equal(one.status, 200);
  t.match(one.json, { id: 51, tenant: 3, venue: { title: "C venue 3" }, organiser: 4 });
  t.notMatch(one.text, /cms\.test|hasAPIKey|_strategy/);
  t.match(linesOf(gateway), [
    {
      level: 50,
      requestId: one.requestId,
      place: "main",
      action: "observed",
      collection: "events",
      count: 1,
    },
  ]);
  const values = gateway.lines().filter(({ msg }) => msg === "values not provably of the tenant");
  t.match(values, [
    {
      level: 30,
      requestId: one.requestId,
      kind: "relation",
      action: "observed",
      collection: "events",
      path: "venue",
      count: 1,
    },
  ]);
  t.strictSame(await samplesOf(gateway, WITHHELD), {
    "collection=events,path=venue,action=observed": 1,
    "collection=venues,path=events,action=observed": 1,
  });
  const venue = await ask(gateway, "venues/4?depth=1");
  t.match(venue.json, { events: { docs: [{ id: 52 }, { id: 4 }] } });
  t.match(linesOf(gateway).at(-1), { place: "join", action: "observed", collection: "events", count: 1 });
  t.strictSame(
    gateway.lines().filter(({ level, msg }) => level === 40 && /tripwire/.test(String(msg))).length,
    1,
    "the start logged a warning",
  );
});

t.test("mode off checks nothing: all that the CMS sends passes, except users and secrets", async (t) => {
  const gateway = await gatewayTo(t, deaf.url, "off");
  const one = await ask(gateway, "events/51?depth=2");
  t.match(one.json, { id: 51, tenant: 3, venue: { title: "C venue 3" }, organiser: 4 });
  t.notMatch(one.text, /cms\.test|hasAPIKey|_strategy/);
  t.strictSame(linesOf(gateway), []);
  t.strictSame(await samplesOf(gateway, WITHHELD), {});
  t.strictSame(await samplesOf(gateway, METRIC), {});
});
