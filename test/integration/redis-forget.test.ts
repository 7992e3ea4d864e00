import t, { type Test } from "tap";
import { IDENTITY } from "../support/cache.ts";
import { startHandReplica, untilWell } from "../support/hand-replica.ts";
import { startRedis } from "../support/redis.ts";
import { slowLine } from "../support/slow-line.ts";
import { until } from "../support/until.ts";

// Invalidating a key removes its record. A busy replica may write that record a moment later, from an answer
// that the CMS gave before the withdrawal. The replicas' clocks stand still, so no TTL ends.
t.setTimeout(900_000);

const redis = await startRedis();
t.teardown(() => redis.close());

/** Starts a replica whose connection to Redis may be a line of the test. */
const replicaAt = (t: Test, port: number, secret: Record<string, string> = SECRET) =>
  startHandReplica(t, { env: { REDIS_URL: `redis://127.0.0.1:${port}`, ...secret } });
const SECRET = { CACHE_SECRET: "a secret of all replicas, for tests alone" };

/** Resolves when a replica has sent `n` lookups to the CMS. */
const untilAsked = ({ asked }: ReturnType<typeof replicaAt>, n: number) =>
  until(`lookup ${n} at the CMS`, () => asked.length === n);

t.test("a record that a busy replica wrote late does not outlive the invalidation of its key", async (t) => {
  const line = await slowLine(redis.port);
  t.teardown(() => line.close());
  const [one, busy] = [replicaAt(t, redis.port), replicaAt(t, line.port)];
  await untilWell([one, busy]);

  const early = busy.find("the key");
  await untilAsked(busy, 1);
  line.hold();
  busy.asked[0]?.(IDENTITY);
  t.match(await early, { value: IDENTITY, via: "cms" });
  await until("the record on the line", () => line.holds("schema"));
  const invalidated = one.cache.forget("keys", "default", "the key");
  await until("the acknowledgement on the line", () => line.holds(":acks:"));
  line.release();
  t.strictSame(await invalidated, { peers: 1, acknowledged: 1, complete: true });

  t.equal(await one.whence("the key"), "the CMS is asked");
});

t.test("without a shared secret, the other replicas invalidate a key by their own name for it", async (t) => {
  const [one, other] = [replicaAt(t, redis.port, {}), replicaAt(t, redis.port, {})];
  await untilWell([one, other]);
  await other.learn("the key");
  t.equal(await other.whence("the key"), "memory");
  t.match(await one.cache.forget("keys", "default", "the key"), {
    peers: 1,
    acknowledged: 1,
    complete: true,
  });
  t.equal(await other.whence("the key"), "the CMS is asked");
});

t.test(
  "a replica that does not receive its own messages invalidates in order, including what it read meanwhile",
  async (t) => {
    await redis.admin.call("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "&*", "+@all", "-subscribe");
    const env = { REDIS_URL: `redis://deaf:pw@127.0.0.1:${redis.port}`, ...SECRET };
    const deaf = startHandReplica(t, { env });
    await until("the replica to use Redis", () => {
      if (deaf.cache.redisState?.shared === true) return true;
      deaf.clock.move(500);
      return false;
    });
    t.equal(deaf.cache.redisState?.heard, false);
    await deaf.learn("the key");
    await until("its record", async () => (await redis.admin.keys("*:keys:*")).length === 1);
    const turns: string[] = [];
    // The replica receives no message, so an invalidation lasts until its timeout, which the clock decides.
    const other = deaf.cache.invalidate(["tenants"], "write").then(() => turns.push("tenants"));
    const own = deaf.cache.invalidate(["keys"], "write").then(() => turns.push("keys"));
    t.equal(await deaf.whence("the key"), "redis", "the record is used until the invalidation's turn");
    t.strictSame(turns, []);
    await until("both invalidations to end", () => {
      deaf.clock.move(500);
      return turns.length === 2;
    });
    await Promise.all([other, own]);
    t.strictSame(turns, ["tenants", "keys"]);
    t.equal(await deaf.whence("the key"), "the CMS is asked");
  },
);

for (const [what, secret] of [
  ["with a shared secret", SECRET],
  ["without a secret", {}],
] as const)
  t.test(`a key that the CMS no longer accepts is invalidated in all replicas, ${what}`, async (t) => {
    const [one, other] = [replicaAt(t, redis.port, secret), replicaAt(t, redis.port, secret)];
    await untilWell([one, other]);
    await other.learn("the key");
    t.equal(await other.whence("the key"), "memory");
    const confirmed = one.confirm("the key");
    await untilAsked(one, 1);
    one.asked[0]?.(undefined);
    t.equal((await confirmed).value, undefined);
    // The request continues before all replicas have invalidated the key.
    await until(
      "the other replica to invalidate the key",
      async () => (await other.whence("the key")) === "the CMS is asked",
    );
    t.equal(other.asked.length, 2);
  });
