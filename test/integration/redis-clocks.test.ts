import t, { type Test } from "tap";
import { handClock } from "../support/clock.ts";
import { handReplica, type HandReplica, passUntilShared, untilHeard } from "../support/hand-replica.ts";
import { startRedis } from "../support/redis.ts";
import { sharing } from "../support/revocation.ts";
import { startLine } from "../support/tcp-line.ts";
import { until } from "../support/until.ts";

// TTLs and timeouts, by clocks that the test moves. Redis uses the machine's, so the TTLs outlast any test.

const redis = await startRedis();
t.teardown(() => redis.close());
t.beforeEach(() => redis.admin.flushall());

const BACK_MS = 600_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const KEY = "the key";
const remember = { keyTtl: "1h", cutOffTtl: "2h", jitter: 0 };

/**
 * Starts a replica without peers, on a machine whose time of day the test sets. Resolves when it uses Redis.
 */
async function replica(t: Test, time: { now: number }): Promise<HandReplica> {
  const replica = handReplica(t, redis.port, { remember, wallTime: () => time.now });
  await passUntilShared(replica);
  return replica;
}

/** The Redis key of the only record. */
async function placeOfRecord(): Promise<string> {
  return until("the record in Redis", async () => {
    const places = await redis.admin.keys("*:keys:*");
    return places.length === 1 && places[0];
  });
}

// A clock may be set back: by NTP, or in a failover to a machine whose clock is behind. The times in Redis
// are then in the future. A record expires later by as much, which PEXPIRE imitates here, and counted
// requests have future times.

t.test("a clock that was set back does not extend the TTL of a record", async (t) => {
  const time = { now: Date.now() };
  const [writer, reader] = [await replica(t, time), await replica(t, time)];
  // A replica that begins to use Redis invalidates all records. Both replicas have begun.
  await writer.learn(KEY);
  const place = await placeOfRecord();
  const life = await redis.admin.pttl(place);
  time.now -= BACK_MS;
  await redis.admin.pexpire(place, life + BACK_MS);
  t.equal(await reader.whence(KEY), "the CMS is asked");
  reader.asked[0]?.(undefined);
  // An unknown key is not written to Redis. The old record must not be there when its time comes again.
  t.equal(await redis.admin.pexpire(place, life - 1_000), 1);
  time.now += BACK_MS;
  reader.cache.flush(["keys"]);
  t.equal(await reader.whence(KEY), "the CMS is asked", "the old record does not become valid again");
});

t.test("requests counted by a clock that was set back since then block no request", async (t) => {
  const { cache } = await replica(t, { now: Date.now() });
  const counter = cache.counter();
  const rate = { limit: 2, window: HOUR };
  const count = () => counter.count("reads:1", rate);
  await count();
  await count();
  t.match(await count(), { isWithin: false });
  const place = String((await redis.admin.keys("*:count:reads:1"))[0]);
  const times = await redis.admin.lrange(place, 0, -1);
  await redis.admin.del(place);
  await redis.admin.rpush(place, ...times.map((at) => Number(at) + BACK_MS));
  await redis.admin.pexpire(place, HOUR + BACK_MS);
  t.match(await count(), { isWithin: true, remaining: 1 });
  t.match(await count(), { isWithin: true, remaining: 0 });
  const refused = await count();
  t.match(refused, { isWithin: false }, "requests are counted again");
  t.ok((refused?.wait ?? Infinity) <= HOUR);
  t.ok((await redis.admin.pttl(place)) <= HOUR, "the TTL of the list is not extended either");
});

t.test("a lookup read from Redis expires with the TTL that its writer gave it", async (t) => {
  const clock = handClock();
  const begun = Date.now();
  const wallTime = (): number => begun + clock.now();
  const [writer, reader] = [1, 2].map(() => handReplica(t, redis.port, { remember, clock, wallTime }));
  if (writer === undefined || reader === undefined) return;
  await passUntilShared(writer, reader);
  await writer.learn(KEY);
  const born = clock.now();
  await placeOfRecord();
  // A third of the TTL passes. Both replicas have received nothing meanwhile, and then receive each other.
  clock.move(HOUR / 3);
  for (const replica of [writer, reader]) await untilHeard(replica);
  t.equal(await reader.whence(KEY), "redis");
  // The clock moves in one step, so that only the TTL can end the lookup.
  clock.move(born + HOUR - clock.now() - 1);
  const before = reader.whence(KEY);
  clock.move(1);
  const after = reader.whence(KEY);
  t.equal(await before, "memory");
  t.equal(await after, "the CMS is asked");
});

t.test(
  "an invalidation that cannot be published works at once at its replica, and at others when the TTL ends",
  async (t) => {
    const clock = handClock();
    const line = await startLine(redis.port);
    t.teardown(() => line.close());
    const begun = Date.now();
    const wallTime = (): number => begun + clock.now();
    const writer = handReplica(t, line.port, { remember, clock, wallTime });
    const reader = handReplica(t, redis.port, { remember, clock, wallTime });
    await passUntilShared(writer, reader);
    await writer.learn(KEY);
    await placeOfRecord();
    t.equal(await reader.whence(KEY), "redis");
    const born = clock.now();
    line.cut();
    await until("the writer to detect the loss", () => writer.cache.redisState?.heard === false);
    t.match(await writer.cache.invalidate(["keys"], "write"), { complete: false });
    t.equal(await writer.whence(KEY), "the CMS is asked", "at once");
    // Redis's own clock takes a little of the TTL away.
    clock.move(born + HOUR - clock.now() - MINUTE);
    const before = reader.whence(KEY);
    clock.move(MINUTE);
    const after = reader.whence(KEY);
    t.equal(await before, "memory");
    t.equal(await after, "the CMS is asked");
  },
);

t.test("one request waits `commandTimeout` for a silent Redis, and later ones do not wait", async (t) => {
  const line = await startLine(redis.port);
  t.teardown(() => line.close());
  const env = sharing(`redis://127.0.0.1:${line.port}`);
  const replica = handReplica(t, line.port, { env, remember, commandTimeout: "1h" });
  await passUntilShared(replica);
  line.blackhole();
  void replica.find("first");
  await until("the lookup in Redis", () => line.sent("mget") === 1);
  replica.clock.move(HOUR - 1);
  // After a round trip through Redis, a lookup at the CMS would have begun.
  await redis.admin.ping();
  t.equal(replica.asked.length, 0, "the request waits");
  replica.clock.move(1);
  await until("the lookup at the CMS", () => replica.asked.length === 1);
  t.equal(line.connections(), 2, "the connection has not ended");
  t.equal(replica.cache.redisState?.shared, false);
  t.equal(await replica.whence("second"), "the CMS is asked");
  t.equal(line.sent("mget"), 1, "no command is sent to Redis");
  // The replica can then send its `bye`.
  line.mend();
});
