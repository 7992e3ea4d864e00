import tap from "tap";

import { hold } from "../support/hold.ts";
import { startPair } from "../support/pair.ts";
import { administrator, judge, KEY, statusOf, USER } from "../support/revocation.ts";
import { forgetAll, unhurried } from "../support/unhurried.ts";

// Two gateways as separate processes with one Redis and one CMS: lookups that are in flight while the
// administrator withdraws a key. Each order has its own test; then many rounds run under load.
tap.setTimeout(1_800_000);
const ROUNDS = Number(process.env["ROUNDS"] ?? 50);
const { cms, one, two, line } = await startPair(tap, unhurried());
let admin = await administrator(one);

const TENANTS = "/partners/2026-02/";

/** Restores the seeded data and invalidates every cache. */
async function resetAll(): Promise<void> {
  await cms.reset(); // sessions too
  admin = await administrator(one);
  await forgetAll(one, 1);
}

const GRANTED = "a-key-that-the-user-gets-later";
/** Changes of a user, with a gateway's verdict on a key before and after. */
const CHANGES = [
  { what: "withdrawal", key: KEY, change: { enableAPIKey: false }, before: "good", after: "refused" },
  { what: "grant", key: GRANTED, change: { apiKey: GRANTED }, before: "refused", after: "good" },
];
for (const { what, key, change, before, after } of CHANGES)
  for (const [at, gateway] of [one, two].entries())
    await tap.test(`a lookup that began before a ${what} caches nothing: gateway ${at + 1}`, async (t) => {
      await resetAll();
      const lookup = hold(line, /^GET \/api\/users\/me/);
      const early = judge(gateway, key);
      await lookup.answered;
      lookup.letPass();
      await admin.write("PATCH", USER, change);
      t.equal(await judge(gateway, key), after, "a later request does not join the lookup");
      lookup.release();
      t.equal(await early, before, "the CMS answered the lookup before the write");
      for (const each of [one, two]) t.equal(await judge(each, key), after, "its answer is not cached");
    });

await tap.test(`${ROUNDS} withdrawals under concurrent lookups: no withdrawn key is accepted`, async (t) => {
  await resetAll();
  let key: string = KEY;
  const over = new AbortController();
  let lookups = 0;
  // Other clients send requests all the time, so that lookups are in flight during every write.
  const crowd = [one, two, two].map(async (gateway) => {
    while (!over.signal.aborted) {
      await judge(gateway, key);
      lookups += 1;
    }
  });
  let survived = 0;
  let unknown = 0;
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
  t.equal(unknown, 0, "each new key was accepted at once");
  t.comment(`${ROUNDS} rounds, ${lookups} other requests meanwhile`);
});

await tap.test("renaming a tenant under concurrent lookups: no old slug is served", async (t) => {
  await resetAll();
  let slug = "tenant-a";
  const over = new AbortController();
  const crowd = [one, two].map(async (gateway) => {
    while (!over.signal.aborted) await statusOf(gateway, TENANTS + slug, KEY);
  });
  let survived = 0;
  for (let round = 0; round < ROUNDS / 5; round += 1) {
    const old = slug;
    slug = `slug-${round}`;
    await admin.write("PATCH", "/api/tenants/1?depth=0", { slug });
    // 400: the tenant exists and the collection is missing. 404: the tenant does not exist.
    if ((await statusOf(two, TENANTS + old, KEY)) !== 404) survived += 1;
    if ((await statusOf(two, TENANTS + slug, KEY)) !== 400) survived += 1;
  }
  over.abort();
  await Promise.all(crowd);
  t.equal(survived, 0);
});
