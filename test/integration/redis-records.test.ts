import t, { type Test } from "tap";
import { KNOWN_MS } from "../../src/cache/cache.ts";
import { Digests } from "../../src/cache/digest.ts";
import { Secret } from "../../src/core/secret.ts";
import { handReplica, isShared, passUntilShared } from "../support/hand-replica.ts";
import { startPeer } from "../support/redis-peer.ts";
import { startRedis } from "../support/redis.ts";
import { SECRET } from "../support/revocation.ts";
import { until } from "../support/until.ts";

// A record in Redis may be forged or outdated. It is used only if every mark is valid, else the CMS is asked.

const redis = await startRedis();
t.teardown(() => redis.close());

const HOUR = 3_600_000;
/** The TTL of a test's records: shorter than the TTL of a replica's own records, longer than any test. */
const LIFE = HOUR / 2;
const EPOCH = "{partners-gateway}:epoch:keys";
const [KNOWN, KEY] = ["a key that the CMS knows", "a key that it does not"];

const digests = new Digests(new Secret(SECRET), 100);
const place = (key: string): string => `{partners-gateway}:keys:${digests.name("keys", "default", key)}`;

const remember = { keyTtl: "1h", jitter: 0 };
const [one, two] = [handReplica(t, redis.port, { remember }), handReplica(t, redis.port, { remember })];
const BOTH = [one, two];
await passUntilShared(...BOTH);
await one.learn(KNOWN);
const ofKnown = await until("the record", async () => (await redis.admin.get(place(KNOWN))) ?? undefined);
const epoch = await redis.admin.get(EPOCH);

/** The text of a record in which every mark is valid except the given ones. */
function textOf(wrong: Readonly<Record<string, unknown>> = {}): string {
  const value = { fact: FACT, marks: [digests.mark("the CMS")] };
  return JSON.stringify({ schema: 4, epoch, life: LIFE, until: Date.now() + LIFE, value, ...wrong });
}

const FACT = { userId: 1, tenantIds: [1, 2, 3, 4], allTenants: true, roles: [] };
const sealed = (body: string): string => digests.seal(place(KEY), body) + body;
const ofFact = (fact: object, marks: readonly string[]): string => sealed(textOf({ value: { fact, marks } }));

const POISONS: Readonly<Record<string, () => string>> = {
  "another key's record in its place": () => ofKnown,
  "no seal": () => textOf(),
  "a wrong seal": () => "x".repeat(43) + textOf(),
  "an older schema": () => sealed(textOf({ schema: 3 })),
  "another epoch": () => sealed(textOf({ epoch: "older" })),
  expired: () => sealed(textOf({ until: Date.now() - 1 })),
  "no time of expiry": () => sealed(textOf({ until: undefined })),
  "no TTL": () => sealed(textOf({ life: undefined })),
  "a TTL that has ended by this clock": () => sealed(textOf({ life: LIFE + HOUR })),
  "fields of other types": () => ofFact({ ...FACT, tenantIds: "all" }, [digests.mark("the CMS")]),
  "from another CMS": () => ofFact(FACT, ["another"]),
  "without a source": () => sealed(textOf({ value: { fact: FACT } })),
  "a sealed text that is not JSON": () => sealed("{"),
  "an empty text": () => "",
};

/** Invalidates the key in both replicas and in Redis. */
async function invalidate(t: Test): Promise<void> {
  t.match(await one.cache.forget("keys", "default", KEY), { peers: 1, acknowledged: 1, complete: true });
}

await t.test("a record with every mark valid is used", async (t) => {
  t.not(epoch, null);
  await redis.admin.set(place(KEY), sealed(textOf()), "PX", LIFE + KNOWN_MS);
  for (const replica of BOTH) t.equal(await replica.whence(KEY), "redis");
  await invalidate(t);
});

for (const [poison, text] of Object.entries(POISONS)) {
  await t.test(`a record with a fault is not used: ${poison}`, async (t) => {
    for (const replica of BOTH) {
      await redis.admin.set(place(KEY), text(), "PX", LIFE + KNOWN_MS);
      t.equal(await replica.whence(KEY), "the CMS is asked");
      await invalidate(t);
    }
    t.equal(await redis.admin.get(EPOCH), epoch, "no other record is invalidated");
  });
}

await t.test("a record without a TTL in Redis, or of another Redis type, is not used", async (t) => {
  await redis.admin.set(place(KEY), sealed(textOf()));
  t.equal(await two.whence(KEY), "the CMS is asked", "without a TTL");
  await invalidate(t);
  await redis.admin.lpush(place(KEY), "a list");
  t.equal(await two.whence(KEY), "the CMS is asked", "of another type");
  await invalidate(t);
  t.equal(await redis.admin.get(EPOCH), epoch);
});

await t.test("an epoch of another type and unknown messages disable neither replica", async (t) => {
  await redis.admin.del(EPOCH);
  await redis.admin.lpush(EPOCH, "a list");
  await redis.admin.publish("{partners-gateway}:all", "no message");
  const peer = await startPeer(t, redis.admin);
  await peer.say({ from: "x", seq: 1, type: "of another version" });
  await peer.say({ from: "x", seq: 2, type: "bye" });
  await peer.settled(2);
  for (const replica of BOTH) {
    await replica.learn("another key");
    t.equal(await replica.whence("another key"), "memory");
  }
  await redis.admin.flushall();
  await passUntilShared(...BOTH);
  await one.learn("a third key");
  await until(
    "the record of the third key",
    async () => (await redis.admin.exists(place("a third key"))) === 1,
  );
  t.equal(await two.whence("a third key"), "redis", "the replicas share records again");
  t.strictSame(BOTH.map(isShared), [true, true]);
});
