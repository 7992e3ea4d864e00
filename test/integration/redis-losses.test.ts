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

// A message that a replica has missed could have been anything: it trusts nothing that it remembers from before. Time
// stands still, so that no fact ends by itself.

const redis = await startRedis();
t.teardown(() => redis.close());
t.beforeEach(() => redis.admin.flushall());

const EPOCH = "{partners-gateway}:epoch:keys";
const KEY = "the key";

/** A replica that uses Redis and remembers the key. */
async function startKnowing(t: Test, port = redis.port): Promise<HandReplica> {
  const replica = handReplica(t, port);
  await passUntilShared(replica);
  await replica.learn(KEY);
  return replica;
}

/** Resolves when the replica asks the CMS about a key that it knew. */
async function untilForgotten(replica: HandReplica): Promise<void> {
  await until("the replica to forget", async () => (await replica.whence(KEY)) === "the CMS is asked");
}

t.test("a gap in a peer's numbers is a lost message", async (t) => {
  const replica = await startKnowing(t);
  const { say, settled } = await startPeer(t, redis.admin);
  for (const seq of [1, 2]) await say({ from: "peer", seq, type: "beat" });
  await settled(1);
  t.equal(await replica.whence(KEY), "memory", "without a gap nothing is forgotten");
  // What the sender of the lost message has done.
  await redis.admin.del(EPOCH);
  await say({ from: "peer", seq: 4, type: "beat" });
  await settled(1);
  t.equal(await replica.whence(KEY), "the CMS is asked");
});

t.test("a subscription that breaks off for a moment loses messages, too", async (t) => {
  const replica = await startKnowing(t);
  const { settled } = await startPeer(t, redis.admin);
  await settled(1);
  t.equal(await replica.whence(KEY), "memory");
  // A peer's removal, whose message is lost with the subscription. The other connection goes on.
  await redis.admin.del(EPOCH);
  await redis.admin.call("CLIENT", "KILL", "TYPE", "pubsub");
  await untilForgotten(replica);
  await untilHeard(replica);
  t.equal(isShared(replica), true, "what is in Redis is trusted all along");
});

t.test("the memory of a replica that is cut off counts for `cutOffTtl`, not for a fact's life", async (t) => {
  const line = await startLine(redis.port);
  t.teardown(() => line.close());
  const replica = handReplica(t, line.port, { remember: { keyTtl: "1h", cutOffTtl: "2s" } });
  await passUntilShared(replica);
  await replica.learn(KEY);
  line.cut();
  await until("the replica to notice", () => replica.cache.redisState?.heard === false);
  replica.clock.move(1_999);
  const before = replica.whence(KEY);
  replica.clock.move(1);
  const after = replica.whence(KEY);
  t.equal(await before, "memory");
  t.equal(await after, "the CMS is asked");
});

t.test("a replica that was stopped knows by its clock that it may have missed something", async (t) => {
  const replica = handReplica(t, redis.port, { remember: { keyTtl: "1h", cutOffTtl: "1ms" } });
  await passUntilShared(replica);
  await replica.learn(KEY);
  const { settled } = await startPeer(t, redis.admin);
  // It answers the first hello with a beat, and the second when it has heard that beat: at the time that it is now.
  for (let hello = 0; hello < 2; hello += 1) await settled(1);
  // All in one go, so that no message comes in between.
  replica.clock.move(1_500);
  const before = replica.whence(KEY);
  replica.clock.move(1);
  const after = replica.whence(KEY);
  t.equal(await before, "memory", "three beats without its own");
  t.equal(await after, "redis", "where a removal would show");
});

t.test("nobody waits for a replica that says goodbye in place of an ack", async (t) => {
  const replica = handReplica(t, redis.port);
  await passUntilShared(replica);
  const told = new Set<unknown>();
  const { say } = await startPeer(t, redis.admin, ({ type }) => told.add(type));
  await say({ from: "peer", seq: 1, type: "beat" });
  const delivery = replica.cache.invalidate(["keys"], "purge");
  await until("the peer to be told", () => told.has("flush"));
  await say({ from: "peer", seq: 2, type: "bye" });
  t.match(await delivery, { peers: 1, complete: true });
});
