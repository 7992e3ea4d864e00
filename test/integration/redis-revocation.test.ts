import tap from "tap";

import { isObject } from "../../src/core/json.ts";
import { rawConnect, rawRequest } from "../support/raw.ts";
import { startPair } from "../support/pair.ts";
import {
  administrator,
  type Gateway,
  judge,
  KEY,
  PATIENT,
  pause,
  purge,
  statusOf,
  TOKEN,
  USER,
} from "../support/revocation.ts";

// Two gateways as processes of their own, one Redis, one CMS. The administrator works through the first; what is
// withdrawn there must be refused by the second on the very next request after his answer.
tap.setTimeout(1_800_000);
const ROUNDS = Number(process.env["ROUNDS"] ?? 1_000);
const { cms, one, two } = await startPair(tap, { redis: PATIENT });
let admin = await administrator(one);

const TENANTS = "/partners/2026-02/";

/** How many events tenant A's partner sees through a gateway. */
async function eventsOf(gateway: Gateway): Promise<unknown> {
  const response = await fetch(`${gateway.url}${TENANTS}tenant-a/events?limit=1`, {
    headers: { authorization: `users API-Key ${KEY}` },
  });
  const body: { totalDocs?: unknown } = JSON.parse(await response.text());
  return body.totalDocs;
}

/** The seeded data again, and nobody remembers anything else. */
async function afresh(): Promise<void> {
  await cms.reset(); // sessions too
  admin = await administrator(one);
  const answer = await purge(one, { all: true });
  tap.match(await answer.json(), { purged: "all", peers: 1, acknowledged: 1, complete: true });
}

await tap.test(
  "a key is refused by the other gateway on the next request after its withdrawal",
  async (t) => {
    const where = encodeURIComponent(JSON.stringify({ id: { equals: 2 } }));
    const mutation = "mutation { updateUser(id: 2, data: { enableAPIKey: false }) { id } }";
    const ways: Record<string, () => Promise<unknown>> = {
      "REST by id": () => admin.write("PATCH", USER, { enableAPIKey: false }),
      "bulk PATCH": () => admin.write("PATCH", `/api/users?where=${where}`, { enableAPIKey: false }),
      "bulk PATCH of everybody": () =>
        admin.write("PATCH", "/api/users?where[id][greater_than]=1", { enableAPIKey: false }),
      GraphQL: () => admin.write("POST", "/api/graphql", { query: mutation }),
      "another key in its place": () => admin.write("PATCH", USER, { apiKey: "another-key-for-this-user" }),
      "deleting the user": () => admin.write("DELETE", "/api/users/6"),
      "deleting users in bulk": () => admin.write("DELETE", "/api/users?where[id][in]=6"),
      "an encoded path": () => admin.write("PATCH", "/api/us%65rs/2", { enableAPIKey: false }),
    };
    for (const [way, withdraw] of Object.entries(ways)) {
      await afresh();
      const key = way.startsWith("deleting") ? cms.keys.partnerAC : KEY;
      for (const gateway of [one, two, two]) t.equal(await judge(gateway, key), "good", `${way}: before`);
      await withdraw();
      t.equal(await judge(two, key), "refused", `${way}: the other gateway`);
      t.equal(await judge(one, key), "refused", `${way}: the same gateway`);
    }
  },
);

await tap.test("a membership, a tenant, its slug and its group end on the next request too", async (t) => {
  const list = "/partners/2026-02/tenant-a/pages?limit=1";
  await afresh();
  for (const gateway of [one, two]) t.equal(await statusOf(gateway, list, KEY), 200);
  await admin.write("PATCH", USER, { tenants: [{ tenant: 3 }] });
  for (const gateway of [two, one]) t.equal(await statusOf(gateway, list, KEY), 404, "no member any more");

  await afresh();
  for (const gateway of [one, two]) t.equal(await statusOf(gateway, list, KEY), 200);
  await admin.write("PATCH", "/api/tenants/1", { slug: "renamed" });
  for (const gateway of [two, one]) {
    t.equal(await statusOf(gateway, list, KEY), 404, "the old slug is nobody's");
    t.equal(
      await statusOf(gateway, "/partners/2026-02/renamed/pages?limit=1", KEY),
      200,
      "the new one resolves",
    );
  }

  await afresh();
  for (const gateway of [one, two]) t.equal(await eventsOf(gateway), 48, "events are shared in the group");
  await admin.write("PATCH", "/api/tenant-groups/1", { sharedCollections: ["venues"] });
  for (const gateway of [two, one]) t.equal(await eventsOf(gateway), 24, "and no longer");

  await afresh();
  const made = await admin.write("POST", "/api/tenants", { name: "Short-lived", slug: "short-lived" });
  const doc = isObject(made) && isObject(made["doc"]) ? made["doc"] : {};
  const brief = "/partners/2026-02/short-lived/pages";
  for (const gateway of [one, two]) t.equal(await statusOf(gateway, brief, cms.keys.service), 200);
  await admin.write("DELETE", `/api/tenants/${String(doc["id"])}`);
  for (const gateway of [two, one]) t.equal(await statusOf(gateway, brief, cms.keys.service), 404, "deleted");
});

await tap.test("what is granted counts on the next request as well", async (t) => {
  await afresh();
  for (const gateway of [one, two]) t.equal(await judge(gateway, cms.keys.disabled), "refused");
  await admin.write("PATCH", "/api/users/7", { enableAPIKey: true, apiKey: cms.keys.disabled });
  for (const gateway of [two, one]) t.equal(await judge(gateway, cms.keys.disabled), "good");
});

await tap.test(`${ROUNDS} withdrawals under concurrent lookups: none is survived`, async (t) => {
  await afresh();
  let key: string = KEY;
  const over = new AbortController();
  let lookups = 0;
  // Others ask all the time, so that lookups are under way at every moment of every write.
  const crowd = [one, two, two].map(async (gateway) => {
    while (!over.signal.aborted) {
      await judge(gateway, key);
      lookups += 1;
    }
  });
  let survived = 0;
  let unknown = 0;
  const begun = performance.now();
  for (let round = 0; round < ROUNDS; round += 1) {
    const old = key;
    key = `key-of-round-${round}-${"x".repeat(16)}`;
    await admin.write("PATCH", `${USER}?depth=0&select[id]=true`, { apiKey: key });
    const [atTwo, atOne] = await Promise.all([judge(two, old), judge(one, old)]);
    if (atTwo === "good" || atOne === "good") survived += 1;
    if ((await judge(two, key)) !== "good") unknown += 1;
  }
  over.abort();
  await Promise.all(crowd);
  t.equal(survived, 0, "no withdrawn key was accepted");
  t.equal(unknown, 0, "each new key was good at once");
  const seconds = (performance.now() - begun) / 1_000;
  t.comment(`${ROUNDS} rounds in ${seconds.toFixed(0)} s, ${lookups} other requests meanwhile`);
});

await tap.test("renaming a tenant under concurrent lookups: no old slug is survived", async (t) => {
  await afresh();
  let slug = "tenant-a";
  const over = new AbortController();
  const crowd = [one, two].map(async (gateway) => {
    while (!over.signal.aborted) await statusOf(gateway, TENANTS + slug, KEY);
  });
  let survived = 0;
  for (let round = 0; round < ROUNDS / 10; round += 1) {
    const old = slug;
    slug = `slug-${round}`;
    await admin.write("PATCH", "/api/tenants/1?depth=0", { slug });
    // 400: the tenant is there and the collection is missing; 404: there is no such tenant.
    if ((await statusOf(two, TENANTS + old, KEY)) !== 404) survived += 1;
    if ((await statusOf(two, TENANTS + slug, KEY)) !== 400) survived += 1;
  }
  over.abort();
  await Promise.all(crowd);
  t.equal(survived, 0);
});

await tap.test(
  "a purge by key, by user, by tenant and of all makes up for changes behind our back",
  async (t) => {
    for (const what of [{ key: KEY }, { user: 2 }, { tenant: 1 }, { all: true }]) {
      await afresh();
      for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good");
      await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
      t.equal(await judge(two, KEY), "good", "nobody has told us");
      const answer = await purge(one, what);
      t.equal(answer.status, 200);
      for (const gateway of [two, one]) t.equal(await judge(gateway, KEY), "refused", JSON.stringify(what));
    }
    t.equal((await purge(one, { all: true }, "a-wrong-token-of-some-length")).status, 401);
    t.equal((await purge(one, { everything: true })).status, 400);
  },
);

await tap.test(
  "each invalidation is in the histogram of revocations, and says whether all have heard",
  async (t) => {
    const count = async (): Promise<number> => {
      const page = await fetch(`${one.adminUrl}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
      const [, value] =
        /^gateway_revocation_seconds_count\{outcome="complete"\} (\d+)$/m.exec(await page.text()) ?? [];
      return Number(value);
    };
    await afresh();
    const before = await count();
    await admin.write("PATCH", USER, { enableAPIKey: false });
    // Two where the machine was so busy that the end of the answer came late.
    t.ok((await count()) > before);
  },
);

// Last: an uncertain write is followed by invalidations for 15 s, which the other tests would take for their own.
await tap.test(
  "an administrator who leaves before the answer has withdrawn the key all the same",
  async (t) => {
    await afresh();
    for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good");
    // The request is cut off before the CMS answers; what it asked for takes effect a moment later.
    const client = await rawConnect(Number(new URL(one.url).port));
    client.send(
      rawRequest([`PATCH ${USER} HTTP/1.1`, "Host: cms", "Content-Length: 100"], '{"enableAPIKey":'),
    );
    await pause(50);
    client.socket.destroy();
    await pause(300);
    for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good", "remembered anew");
    await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
    await pause(2_500);
    for (const gateway of [two, one])
      t.equal(await judge(gateway, KEY), "refused", "by the repeated invalidation");
  },
);
