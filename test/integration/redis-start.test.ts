import t, { type Test } from "tap";
import {
  handReplica,
  type HandReplica,
  isShared,
  passUntilShared,
  untilHeard,
} from "../support/hand-replica.ts";
import { startRedis } from "../support/redis.ts";
import { type Peer, type Said, startPeer } from "../support/redis-peer.ts";
import { startLine } from "../support/tcp-line.ts";
import { until } from "../support/until.ts";

// What a replica that starts may believe of what it finds in Redis: all, where another one has watched over it, and
// nothing, where none may have. Time stands still: a replica waits for another's word until the test moves its clock.

const redis = await startRedis();
t.teardown(() => redis.close());
t.beforeEach(() => redis.admin.flushall());

const EPOCH = "{partners-gateway}:epoch:keys";
const RECORDS = "{partners-gateway}:keys:*";

/** A replica that connects to Redis. */
function begin(t: Test, port = redis.port): HandReplica {
  return handReplica(t, port);
}

/** Resolves when it uses Redis: by another's word, since no time passes. */
async function startBelieving(t: Test, port?: number): Promise<HandReplica> {
  const replica = begin(t, port);
  await until("another's word", () => isShared(replica));
  return replica;
}

/**
 * True while a replica uses what was in Redis before it started. One that finds that nobody vouches for that may begin from
 * scratch at any of its greetings: then the epoch from before is gone first.
 */
async function believes(replica: HandReplica): Promise<boolean> {
  return isShared(replica) && (await redis.admin.get(EPOCH)) === "from before";
}

/** A replica, the first, that has asked the CMS about the key and put the answer into Redis. */
async function startKnowing(t: Test): Promise<HandReplica> {
  const replica = begin(t);
  await passUntilShared(replica);
  await replica.learn("the key");
  await until("the record in Redis", async () => (await redis.admin.keys(RECORDS)).length === 1);
  return replica;
}

t.test("beside another replica, all that is there", async (t) => {
  await startKnowing(t);
  const epoch = await redis.admin.get(EPOCH);
  for (let i = 0; i < 3; i += 1) {
    t.equal(await (await startBelieving(t)).whence("the key"), "redis");
  }
  t.equal(await redis.admin.get(EPOCH), epoch);
});

t.test("after all others have gone, nothing", async (t) => {
  const early = await startKnowing(t);
  await early.cache.close();
  const late = begin(t);
  await passUntilShared(late);
  t.equal(await late.whence("the key"), "the CMS is asked");
});

t.test("of several that start together, nothing, whatever they say to each other", async (t) => {
  await redis.admin.set(EPOCH, "from before");
  const peer = await startPeer(t, redis.admin);
  const replicas = [begin(t), begin(t), begin(t)];
  for (const replica of replicas) await untilHeard(replica);
  // After the first round the replicas have answered each other's hellos, after the second they have the answers.
  for (let round = 0; round < 2; round += 1) await peer.settled(replicas.length);
  t.strictSame(await Promise.all(replicas.map(believes)), [false, false, false]);
  await passUntilShared(...replicas);
  t.equal(await redis.admin.get(EPOCH), null);
});

t.test("once it has lost sight of Redis, nothing, whichever other has not", async (t) => {
  await startKnowing(t);
  const line = await startLine(redis.port);
  t.teardown(() => line.close());
  const late = await startBelieving(t, line.port);
  t.equal(await late.whence("the key"), "redis");
  line.cut();
  await until("the replica to notice", () => !isShared(late));
  line.mend();
  await passUntilShared(late);
  t.equal(await redis.admin.get(EPOCH), null);
});

/** What another on the channel does about a hello. */
type Answer = (hello: Said, peer: Peer) => Promise<void>;

const ANSWERS: Readonly<Record<string, { answer: Answer; isBelieved: boolean }>> = {
  "that Redis was in sight all along": {
    answer: (hello, peer) => peer.acknowledge(hello),
    isBelieved: true,
  },
  "nothing but that it is there, as older versions do": {
    answer: (_, peer) => peer.say({ from: "x", seq: 1, type: "beat" }),
    isBelieved: false,
  },
  "to what was said before": {
    answer: ({ from, seq }, peer) => peer.acknowledge({ from, seq: seq - 1 }),
    isBelieved: false,
  },
  "after it was told that a removal had failed": {
    async answer(hello, peer) {
      await peer.say({ from: "y", seq: 1, type: "flush", kinds: ["keys"], distrust: true });
      await peer.acknowledge(hello);
    },
    isBelieved: false,
  },
  "after something was missed": {
    async answer(hello, peer) {
      for (const seq of [1, 3]) await peer.say({ from: `y${hello.seq}`, seq, type: "beat" });
      await peer.acknowledge(hello);
    },
    isBelieved: false,
  },
};

for (const [what, { answer, isBelieved }] of Object.entries(ANSWERS)) {
  t.test(`what another answers a hello with: ${what}`, async (t) => {
    const answers: Promise<void>[] = [];
    const own: string[] = [];
    const peer: Peer = await startPeer(t, redis.admin, (said) => {
      // The first hello is the replica's: it starts alone. Later ones are the test's.
      own[0] ??= said.from;
      if (said.type === "hello" && said.from === own[0]) answers.push(answer(said, peer));
    });
    await redis.admin.set(EPOCH, "from before");
    const replica = begin(t);
    await untilHeard(replica);
    // Between the two rounds the answers to all of its hellos reach Redis.
    await peer.settled(1);
    await Promise.all(answers);
    await peer.settled(1);
    t.equal(await believes(replica), isBelieved, "before any time has passed");
    await passUntilShared(replica);
    t.equal(await redis.admin.get(EPOCH), isBelieved ? "from before" : null);
  });
}
