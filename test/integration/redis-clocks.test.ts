import t, { type Test } from "tap";
import { startReplica, until } from "../support/cache.ts";
import { startRedis } from "../support/redis.ts";
import { sharing } from "../support/revocation.ts";

// A clock may be set back: by NTP, or in a failover to a machine whose clock is behind. What Redis holds is then from later
// than now: what expires lives longer by as much, here told by PEXPIRE, and what was counted is yet to come.

const redis = await startRedis();
t.teardown(() => redis.close());

const BACK_MS = 600_000;
const MINUTE = 60_000;

/** A replica that is well, alone, on a machine whose time of day the test sets. */
async function replica(t: Test, time: { now: number }) {
  const replica = startReplica(t, { env: sharing(redis.url), ackTimeout: "1s", wallTime: () => time.now });
  const { cache } = replica;
  await until(() => cache.redisState?.heard === true && cache.redisState.shared);
  return replica;
}

/** The place of the one record there is. */
async function placeOfRecord(): Promise<string> {
  const places = () => redis.admin.keys("*:keys:*");
  await until(async () => (await places()).length === 1);
  return String((await places())[0]);
}

t.test("a record does not live longer for a clock that was set back", async (t) => {
  const time = { now: Date.now() };
  const [writer, reader] = [await replica(t, time), await replica(t, time)];
  // Whoever begins to use Redis ends all records; from now on nobody does.
  await writer.learn("the key");
  const place = await placeOfRecord();
  const life = await redis.admin.pttl(place);
  time.now -= BACK_MS;
  await redis.admin.pexpire(place, life + BACK_MS);
  t.equal(await reader.whence("the key"), "the CMS is asked");
  reader.asked[0]?.(undefined);
  // Nobody's key is not written down in Redis; the record from before must not stand there when its time comes again.
  await redis.admin.pexpire(place, life - 1_000);
  time.now += BACK_MS;
  reader.cache.flush(["keys"]);
  t.equal(await reader.whence("the key"), "the CMS is asked", "nor does it come back");
});

t.test("what was counted by a clock that was since set back stops nobody", async (t) => {
  const { cache } = await replica(t, { now: Date.now() });
  const counter = cache.counter();
  const rate = { limit: 2, window: MINUTE };
  const count = () => counter.count("reads:1", rate);
  await count();
  await count();
  t.match(await count(), { isWithin: false });
  const place = String((await redis.admin.keys("*:count:reads:1"))[0]);
  const times = await redis.admin.lrange(place, 0, -1);
  await redis.admin.del(place);
  await redis.admin.rpush(place, ...times.map((at) => Number(at) + BACK_MS));
  await redis.admin.pexpire(place, MINUTE + BACK_MS);
  t.match(await count(), { isWithin: true, remaining: 1 });
  t.match(await count(), { isWithin: true, remaining: 0 });
  const refused = await count();
  t.match(refused, { isWithin: false }, "and it is counted again");
  t.ok((refused?.wait ?? Infinity) <= MINUTE);
  t.ok((await redis.admin.pttl(place)) <= MINUTE, "nor does it stay any longer");
});
