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

// A replica that starts uses the records in Redis if another replica has missed no message meanwhile, and
// otherwise none. The clock stands still, so a replica waits for another's answer until the test moves it.

const redis = await startRedis();
t.teardown(() => redis.close());
t.beforeEach(() => redis.admin.flushall());

const EPOCH = "{partners-gateway}:epoch:keys";
const RECORDS = "{partners-gateway}:keys:*";

/** Starts a replica that connects to Redis. */
function begin(t: Test, port = redis.port): HandReplica {
  return handReplica(t, port);
}

/** Starts a replica and resolves when it uses Redis. Only another's answer causes this: no time passes. */
async function startSharing(t: Test, port?: number): Promise<HandReplica> {
  const replica = begin(t, port);
  await until("another replica's answer", () => isShared(replica));
  return replica;
}

/**
 * True while a replica uses the records from before its start. A replica whose hello nothing confirms may
 * start a new epoch at any of its hellos. The epoch from before is removed first.
 */
async function usesOldRecords(replica: HandReplica): Promise<boolean> {
  return isShared(replica) && (await redis.admin.get(EPOCH)) === "from before";
}

/** Starts the first replica, which looks the key up at the CMS and writes the answer to Redis. */
async function startWithKey(t: Test): Promise<HandReplica> {
  const replica = begin(t);
  await passUntilShared(replica);
  await replica.learn("the key");
  await until("the record in Redis", async () => (await redis.admin.keys(RECORDS)).length === 1);
  return replica;
}

t.test("beside another replica, a replica that starts uses every record", async (t) => {
  await startWithKey(t);
  const epoch = await redis.admin.get(EPOCH);
  for (let i = 0; i < 3; i += 1) {
    t.equal(await (await startSharing(t)).whence("the key"), "redis");
  }
  t.equal(await redis.admin.get(EPOCH), epoch);
});

t.test("after all others have ended, a replica that starts uses no record", async (t) => {
  const early = await startWithKey(t);
  await early.cache.close();
  const late = begin(t);
  await passUntilShared(late);
  t.equal(await late.whence("the key"), "the CMS is asked");
});

t.test("several replicas that start together use no record, whatever they answer each other", async (t) => {
  await redis.admin.set(EPOCH, "from before");
  const peer = await startPeer(t, redis.admin);
  const replicas = [begin(t), begin(t), begin(t)];
  for (const replica of replicas) await untilHeard(replica);
  // After one round the replicas have answered each other's hellos, and after two they have the answers.
  for (let round = 0; round < 2; round += 1) await peer.settled(replicas.length);
  t.strictSame(await Promise.all(replicas.map(usesOldRecords)), [false, false, false]);
  await passUntilShared(...replicas);
  t.equal(await redis.admin.get(EPOCH), null);
});

t.test("a replica that has lost Redis uses no record, even if another kept its connection", async (t) => {
  await startWithKey(t);
  const line = await startLine(redis.port);
  t.teardown(() => line.close());
  const late = await startSharing(t, line.port);
  t.equal(await late.whence("the key"), "redis");
  line.cut();
  await until("the replica to detect the loss", () => !isShared(late));
  line.mend();
  await passUntilShared(late);
  t.equal(await redis.admin.get(EPOCH), null);
});

/** The reaction of a peer on the channel to a hello. */
type Answer = (hello: Said, peer: Peer) => Promise<void>;

const ANSWERS: Readonly<Record<string, { answer: Answer; isUsed: boolean }>> = {
  "with an acknowledgement": {
    answer: (hello, peer) => peer.acknowledge(hello),
    isUsed: true,
  },
  "with a beat only, as older versions do": {
    answer: (_, peer) => peer.say({ from: "x", seq: 1, type: "beat" }),
    isUsed: false,
  },
  "with an acknowledgement of an earlier message": {
    answer: ({ from, seq }, peer) => peer.acknowledge({ from, seq: seq - 1 }),
    isUsed: false,
  },
  "after a message that a removal has failed": {
    async answer(hello, peer) {
      await peer.say({ from: "y", seq: 1, type: "flush", kinds: ["keys"], distrust: true });
      await peer.acknowledge(hello);
    },
    isUsed: false,
  },
  "after a lost message": {
    async answer(hello, peer) {
      for (const seq of [1, 3]) await peer.say({ from: `y${hello.seq}`, seq, type: "beat" });
      await peer.acknowledge(hello);
    },
    isUsed: false,
  },
};

for (const [what, { answer, isUsed }] of Object.entries(ANSWERS)) {
  t.test(`records are ${isUsed ? "used" : "not used"} after a hello answered ${what}`, async (t) => {
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
    // Between the two rounds, the answers to all of the replica's hellos reach Redis.
    await peer.settled(1);
    await Promise.all(answers);
    await peer.settled(1);
    t.equal(await usesOldRecords(replica), isUsed, "before any time has passed");
    await passUntilShared(replica);
    t.equal(await redis.admin.get(EPOCH), isUsed ? "from before" : null);
  });
}
