import tap from "tap";

import { isObject } from "../../src/core/json.ts";
import { hangs } from "../support/faults.ts";
import { startPair } from "../support/pair.ts";
import { rawConnect, rawRequest } from "../support/raw.ts";
import {
  administrator,
  type Gateway,
  judge,
  KEY,
  purge,
  statusOf,
  TOKEN,
  USER,
} from "../support/revocation.ts";
import { forgetAll, unhurried } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

// Two gateways as separate processes with one Redis and one CMS. The administrator writes through the first.
// The second must refuse a withdrawn key on the first request after the administrator's answer.
tap.setTimeout(900_000);
const { cms, redis, one, two, line } = await startPair(tap, unhurried());
let admin = await administrator(one);

const TENANTS = "/partners/2026-02/";

/** The number of events that tenant A's partner can list through a gateway. */
async function eventsOf(gateway: Gateway): Promise<unknown> {
  const response = await fetch(`${gateway.url}${TENANTS}tenant-a/events?limit=1`, {
    headers: { authorization: `users API-Key ${KEY}` },
  });
  const body: { totalDocs?: unknown } = JSON.parse(await response.text());
  return body.totalDocs;
}

/** The number of invalidations that the first gateway has finished. */
async function invalidations(outcome = "complete"): Promise<number> {
  const page = await fetch(`${one.adminUrl}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
  const line = new RegExp(`^gateway_revocation_seconds_count\\{outcome="${outcome}"\\} (\\d+)$`, "m");
  return Number(line.exec(await page.text())?.[1] ?? 0);
}

/** Restores the seeded data and invalidates every cache. */
async function resetAll(): Promise<void> {
  await cms.reset(); // sessions too
  admin = await administrator(one);
  await forgetAll(one, 1);
}

await tap.test(
  "a key is refused by the other gateway on the next request after its withdrawal",
  async (t) => {
    const where = encodeURIComponent(JSON.stringify({ id: { equals: 2 } }));
    const mutation = "mutation { updateUser(id: 2, data: { enableAPIKey: false }) { id } }";
    const ways: Record<string, () => Promise<unknown>> = {
      "REST by id": () => admin.write("PATCH", USER, { enableAPIKey: false }),
      "bulk PATCH": () => admin.write("PATCH", `/api/users?where=${where}`, { enableAPIKey: false }),
      "bulk PATCH of all users": () =>
        admin.write("PATCH", "/api/users?where[id][greater_than]=1", { enableAPIKey: false }),
      GraphQL: () => admin.write("POST", "/api/graphql", { query: mutation }),
      "another key in its place": () => admin.write("PATCH", USER, { apiKey: "another-key-for-this-user" }),
      "deleting the user": () => admin.write("DELETE", "/api/users/6"),
      "deleting users in bulk": () => admin.write("DELETE", "/api/users?where[id][in]=6"),
      "an encoded path": () => admin.write("PATCH", "/api/us%65rs/2", { enableAPIKey: false }),
    };
    for (const [way, withdraw] of Object.entries(ways)) {
      await resetAll();
      const key = way.startsWith("deleting") ? cms.keys.partnerAC : KEY;
      for (const gateway of [one, two, two]) t.equal(await judge(gateway, key), "good", `${way}: before`);
      await withdraw();
      t.equal(await judge(two, key), "refused", `${way}: the other gateway`);
      t.equal(await judge(one, key), "refused", `${way}: the same gateway`);
    }
  },
);

await tap.test(
  "the end of a membership, a tenant, a slug or a share in a group takes effect on the next request too",
  async (t) => {
    const list = "/partners/2026-02/tenant-a/pages?limit=1";
    await resetAll();
    for (const gateway of [one, two]) t.equal(await statusOf(gateway, list, KEY), 200);
    await admin.write("PATCH", USER, { tenants: [{ tenant: 3 }] });
    for (const gateway of [two, one]) t.equal(await statusOf(gateway, list, KEY), 404, "no longer a member");

    await resetAll();
    for (const gateway of [one, two]) t.equal(await statusOf(gateway, list, KEY), 200);
    await admin.write("PATCH", "/api/tenants/1", { slug: "renamed" });
    for (const gateway of [two, one]) {
      t.equal(await statusOf(gateway, list, KEY), 404, "the old slug is unknown");
      t.equal(
        await statusOf(gateway, "/partners/2026-02/renamed/pages?limit=1", KEY),
        200,
        "the new one resolves",
      );
    }

    await resetAll();
    for (const gateway of [one, two]) t.equal(await eventsOf(gateway), 48, "events are shared in the group");
    await admin.write("PATCH", "/api/tenant-groups/1", { sharedCollections: ["venues"] });
    for (const gateway of [two, one]) t.equal(await eventsOf(gateway), 24, "no longer shared");

    await resetAll();
    const made = await admin.write("POST", "/api/tenants", { name: "Short-lived", slug: "short-lived" });
    const doc = isObject(made) && isObject(made["doc"]) ? made["doc"] : {};
    const brief = "/partners/2026-02/short-lived/pages";
    for (const gateway of [one, two]) t.equal(await statusOf(gateway, brief, cms.keys.service), 200);
    await admin.write("DELETE", `/api/tenants/${String(doc["id"])}`);
    for (const gateway of [two, one])
      t.equal(await statusOf(gateway, brief, cms.keys.service), 404, "deleted");
  },
);

await tap.test("a grant takes effect on the next request as well", async (t) => {
  await resetAll();
  for (const gateway of [one, two]) t.equal(await judge(gateway, cms.keys.disabled), "refused");
  await admin.write("PATCH", "/api/users/7", { enableAPIKey: true, apiKey: cms.keys.disabled });
  for (const gateway of [two, one]) t.equal(await judge(gateway, cms.keys.disabled), "good");
});

await tap.test(
  "a purge by key, by user, by tenant or of all invalidates after a change that the gateway did not see",
  async (t) => {
    for (const what of [{ key: KEY }, { user: 2 }, { tenant: 1 }, { all: true }]) {
      await resetAll();
      for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good");
      await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
      t.equal(await judge(two, KEY), "good", "no gateway has seen the change");
      const answer = await purge(one, what);
      t.equal(answer.status, 200);
      for (const gateway of [two, one]) t.equal(await judge(gateway, KEY), "refused", JSON.stringify(what));
    }
    t.equal((await purge(one, { all: true }, "a-wrong-token-of-some-length")).status, 401);
    t.equal((await purge(one, { everything: true })).status, 400);
  },
);

await tap.test("each invalidation is counted in the histogram of revocations, by its outcome", async (t) => {
  await resetAll();
  const [complete, degraded] = [await invalidations(), await invalidations("degraded")];
  await admin.write("PATCH", USER, { enableAPIKey: false });
  // There are two if the end of the CMS's answer came later than its head.
  t.ok((await invalidations()) > complete);
  t.equal(await invalidations("degraded"), degraded);
});

// This test is the last: an uncertain write is followed by invalidations for 15 s, which the other tests
// would count as their own. test/unit/cache/invalidator.test.ts tests their effect with a manual clock.
await tap.test(
  "a write whose client disconnects before the answer invalidates at once, and again later",
  async (t) => {
    await resetAll();
    for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good");
    const heard = redis.admin.duplicate();
    t.teardown(() => heard.disconnect());
    let flushes = 0;
    heard.on("message", (_channel: string, text: string) => {
      if (text.includes('"flush"')) flushes += 1;
    });
    await heard.subscribe("{partners-gateway}:all");
    line.stage(hangs, /^PATCH/);
    const before = await invalidations();
    const client = await rawConnect(Number(new URL(one.url).port));
    const body = '{"enableAPIKey":false}';
    client.send(rawRequest([`PATCH ${USER} HTTP/1.1`, "Host: cms", `Content-Length: ${body.length}`], body));
    await until("the write at the CMS", () => line.asked.at(-1)?.startsWith("PATCH"));
    t.equal(flushes, 0, "no invalidation while the CMS may still answer");
    // The CMS carries the write out, and the client disconnects without an answer.
    await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
    for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good", "still cached");
    client.socket.destroy();
    await until("the invalidation", async () => (await invalidations()) > before);
    for (const gateway of [two, one]) t.equal(await judge(gateway, KEY), "refused");
    const atOnce = flushes;
    t.ok(atOnce > 0);
    await until("another invalidation", () => flushes > atOnce);
  },
);
