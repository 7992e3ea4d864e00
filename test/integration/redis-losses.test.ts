import t, { type Test } from "tap";
import {
  handReplica,
  type HandReplica,
  isShared,
  passUntilShared,
  untilHeard,
} from "../support/hand-replica.ts";
import { startRedis } from "../support/redis.ts";
import { startPeer } from "../support/redis-peer.ts";
import { startLine } from "../support/tcp-line.ts";
import { until } from "../support/until.ts";

// A missed message could have been any invalidation, so the replica then uses none of its earlier cached
// lookups. The clock stands still, so that no TTL ends.

const redis = await startRedis();
t.teardown(() => redis.close());
t.beforeEach(() => redis.admin.flushall());

const EPOCH = "{partners-gateway}:epoch:keys";
const KEY = "the key";

/** Starts a replica that uses Redis and has cached the key. */
async function startWithKey(t: Test, port = redis.port): Promise<HandReplica> {
  const replica = handReplica(t, port);
  await passUntilShared(replica);
  await replica.learn(KEY);
  return replica;
}

/** Resolves when the replica looks the cached key up at the CMS again. */
async function untilInvalidated(replica: HandReplica): Promise<void> {
  await until(
    "the replica to invalidate the key",
    async () => (await replica.whence(KEY)) === "the CMS is asked",
  );
}

t.test("a gap in a peer's sequence numbers counts as a lost message", async (t) => {
  const replica = await startWithKey(t);
  const { say, settled } = await startPeer(t, redis.admin);
  for (const seq of [1, 2]) await say({ from: "peer", seq, type: "beat" });
  await settled(1);
  t.equal(await replica.whence(KEY), "memory", "without a gap nothing is invalidated");
  // The removal that the lost message announced.
  await redis.admin.del(EPOCH);
  await say({ from: "peer", seq: 4, type: "beat" });
  await settled(1);
  t.equal(await replica.whence(KEY), "the CMS is asked");
});

t.test("an interrupted subscription counts as lost messages, too", async (t) => {
  const replica = await startWithKey(t);
  const { settled } = await startPeer(t, redis.admin);
  await settled(1);
  t.equal(await replica.whence(KEY), "memory");
  // A peer's removal, whose message is lost with the subscription. The other connection stays open.
  await redis.admin.del(EPOCH);
  await redis.admin.call("CLIENT", "KILL", "TYPE", "pubsub");
  await untilInvalidated(replica);
  await untilHeard(replica);
  t.equal(isShared(replica), true, "the records in Redis are used throughout");
});

t.test("without Redis, a replica's cache is valid for `cutOffTtl`, not for a lookup's TTL", async (t) => {
  const line = await startLine(redis.port);
  t.teardown(() => line.close());
  const replica = handReplica(t, line.port, { remember: { keyTtl: "1h", cutOffTtl: "2s" } });
  await passUntilShared(replica);
  await replica.learn(KEY);
  line.cut();
  await until("the replica to detect the loss", () => replica.cache.redisState?.heard === false);
  replica.clock.move(1_999);
  const before = replica.whence(KEY);
  replica.clock.move(1);
  const after = replica.whence(KEY);
  t.equal(await before, "memory");
  t.equal(await after, "the CMS is asked");
});

t.test("a replica that was suspended detects by its clock that it may have missed messages", async (t) => {
  const replica = handReplica(t, redis.port, { remember: { keyTtl: "1h", cutOffTtl: "1ms" } });
  await passUntilShared(replica);
  await replica.learn(KEY);
  const { settled } = await startPeer(t, redis.admin);
  // The replica answers the first hello with a beat. It answers the second when it has received that beat.
  for (let hello = 0; hello < 2; hello += 1) await settled(1);
  // The clock moves in one step, so that no message arrives in between.
  replica.clock.move(1_500);
  const before = replica.whence(KEY);
  replica.clock.move(1);
  const after = replica.whence(KEY);
  t.equal(await before, "memory", "within three beats without its own");
  t.equal(await after, "redis", "from Redis, in which a removal would show");
});

t.test("an invalidation does not wait for a replica that sends a bye in place of an ack", async (t) => {
  const replica = handReplica(t, redis.port);
  await passUntilShared(replica);
  const received = new Set<unknown>();
  const { say } = await startPeer(t, redis.admin, ({ type }) => received.add(type));
  await say({ from: "peer", seq: 1, type: "beat" });
  const delivery = replica.cache.invalidate(["keys"], "purge");
  await until("the message at the peer", () => received.has("flush"));
  await say({ from: "peer", seq: 2, type: "bye" });
  t.match(await delivery, { peers: 1, complete: true });
});
