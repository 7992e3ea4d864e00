import t, { type Test } from "tap";
import { handClock } from "../support/clock.ts";
import { handReplica, type HandReplica, passUntilShared, untilHeard } from "../support/hand-replica.ts";
import { startRedis } from "../support/redis.ts";
import { sharing } from "../support/revocation.ts";
import { startLine } from "../support/tcp-line.ts";
import { until } from "../support/until.ts";

// Lives and time-outs, by clocks that the test moves. Redis has the machine's, so that lives are long enough for any.

const redis = await startRedis();
t.teardown(() => redis.close());
t.beforeEach(() => redis.admin.flushall());

const BACK_MS = 600_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const KEY = "the key";
const remember = { keyTtl: "1h", cutOffTtl: "2h", jitter: 0 };

/** A replica that is well, alone, on a machine whose time of day the test sets. */
async function replica(t: Test, time: { now: number }): Promise<HandReplica> {
  const replica = handReplica(t, redis.port, { remember, wallTime: () => time.now });
  await passUntilShared(replica);
  return replica;
}

/** The place of the one record there is. */
async function placeOfRecord(): Promise<string> {
  return until("the record in Redis", async () => {
    const places = await redis.admin.keys("*:keys:*");
    return places.length === 1 && places[0];
  });
}

// A clock may be set back: by NTP, or in a failover to a machine whose clock is behind. What Redis holds is then from later
// than now: what expires lives longer by as much, here told by PEXPIRE, and what was counted is yet to come.

t.test("a record does not live longer for a clock that was set back", async (t) => {
  const time = { now: Date.now() };
  const [writer, reader] = [await replica(t, time), await replica(t, time)];
  // A replica that begins to use Redis ends all records; both have begun.
  await writer.learn(KEY);
  const place = await placeOfRecord();
  const life = await redis.admin.pttl(place);
  time.now -= BACK_MS;
  await redis.admin.pexpire(place, life + BACK_MS);
  t.equal(await reader.whence(KEY), "the CMS is asked");
  reader.asked[0]?.(undefined);
  // An unknown key is not written down in Redis; the record from before must not stand there when its time comes again.
  t.equal(await redis.admin.pexpire(place, life - 1_000), 1);
  time.now += BACK_MS;
  reader.cache.flush(["keys"]);
  t.equal(await reader.whence(KEY), "the CMS is asked", "nor does it come back");
});

t.test("what was counted by a clock that was since set back stops no request", async (t) => {
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
  t.match(refused, { isWithin: false }, "and it is counted again");
  t.ok((refused?.wait ?? Infinity) <= HOUR);
  t.ok((await redis.admin.pttl(place)) <= HOUR, "nor does it stay any longer");
});

t.test("a fact that is taken over from Redis ends with the life that its writer gave it", async (t) => {
  const clock = handClock();
  const begun = Date.now();
  const wallTime = (): number => begun + clock.now();
  const [writer, reader] = [1, 2].map(() => handReplica(t, redis.port, { remember, clock, wallTime }));
  if (writer === undefined || reader === undefined) return;
  await passUntilShared(writer, reader);
  await writer.learn(KEY);
  const born = clock.now();
  await placeOfRecord();
  // A third of its life later. Both have heard nothing for so long, and then hear each other again.
  clock.move(HOUR / 3);
  for (const replica of [writer, reader]) await untilHeard(replica);
  t.equal(await reader.whence(KEY), "redis");
  // All in one go, so that nothing but its life can end it.
  clock.move(born + HOUR - clock.now() - 1);
  const before = reader.whence(KEY);
  clock.move(1);
  const after = reader.whence(KEY);
  t.equal(await before, "memory");
  t.equal(await after, "the CMS is asked");
});

t.test(
  "a withdrawal that cannot be told ends the key where it was made, and at other replicas with its life",
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
    await until("the writer to notice", () => writer.cache.redisState?.heard === false);
    t.match(await writer.cache.invalidate(["keys"], "write"), { complete: false });
    t.equal(await writer.whence(KEY), "the CMS is asked", "at once");
    // Redis's own clock takes a little of it away.
    clock.move(born + HOUR - clock.now() - MINUTE);
    const before = reader.whence(KEY);
    clock.move(MINUTE);
    const after = reader.whence(KEY);
    t.equal(await before, "memory");
    t.equal(await after, "the CMS is asked");
  },
);

t.test("one request waits for a silent Redis, for `commandTimeout`, and later ones do not", async (t) => {
  const line = await startLine(redis.port);
  t.teardown(() => line.close());
  const env = sharing(`redis://127.0.0.1:${line.port}`);
  const replica = handReplica(t, line.port, { env, remember, commandTimeout: "1h" });
  await passUntilShared(replica);
  line.blackhole();
  void replica.find("first");
  await until("the question to Redis", () => line.sent("mget") === 1);
  replica.clock.move(HOUR - 1);
  // A round trip through Redis, in which the CMS would have been asked by now.
  await redis.admin.ping();
  t.equal(replica.asked.length, 0, "it waits");
  replica.clock.move(1);
  await until("the question to the CMS", () => replica.asked.length === 1);
  t.equal(line.connections(), 2, "and not because the connection has ended");
  t.equal(replica.cache.redisState?.shared, false);
  t.equal(await replica.whence("second"), "the CMS is asked");
  t.equal(line.sent("mget"), 1, "Redis is left out");
  // So that the replica can say goodbye.
  line.mend();
});
