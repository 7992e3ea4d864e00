import t, { type Test } from "tap";
import { startReplica, until } from "../support/cache.ts";
import { startRedis } from "../support/redis.ts";
import { sharing } from "../support/revocation.ts";
import { startLine } from "../support/tcp-line.ts";

// What a replica that starts may believe of what it finds in Redis: all, where another one has watched over it, and
// nothing, where nobody may have.

const redis = await startRedis();
t.teardown(() => redis.close());
t.beforeEach(() => redis.admin.flushall());

const EPOCH = "{partners-gateway}:epoch:keys";
const ALL = "{partners-gateway}:all";
const isShared = ({ cache }: ReturnType<typeof startReplica>): boolean => cache.redisState?.shared === true;

async function start(t: Test, port = redis.port) {
  const replica = startReplica(t, { env: sharing(`redis://127.0.0.1:${port}`), ackTimeout: "1s" });
  await until(() => isShared(replica));
  return replica;
}

/** A replica that has asked the CMS about the key and put the answer into Redis. */
async function startKnowing(t: Test) {
  const replica = await start(t);
  await replica.learn("the key");
  await until(async () => (await redis.admin.keys("{partners-gateway}:keys:*")).length === 1);
  return replica;
}

t.test("beside another replica, all that is there", async (t) => {
  await startKnowing(t);
  const epoch = await redis.admin.get(EPOCH);
  for (let i = 0; i < 3; i += 1) {
    t.equal(await (await start(t)).whence("the key"), "redis");
  }
  t.equal(await redis.admin.get(EPOCH), epoch);
});

t.test("after all others have gone, nothing", async (t) => {
  const early = await startKnowing(t);
  await early.cache.close();
  t.equal(await (await start(t)).whence("the key"), "the CMS is asked");
});

t.test("of several that start together, nothing, whatever they say to each other", async (t) => {
  await redis.admin.set(EPOCH, "from before");
  await Promise.all([start(t), start(t), start(t)]);
  t.equal(await redis.admin.get(EPOCH), null);
});

t.test("once it has lost sight of Redis, nothing, whoever else has not", async (t) => {
  await startKnowing(t);
  const line = await startLine(redis.port);
  t.teardown(() => line.close());
  const late = await start(t, line.port);
  t.equal(await late.whence("the key"), "redis");
  line.cut();
  await until(() => !isShared(late));
  line.mend();
  await until(() => isShared(late));
  t.equal(await redis.admin.get(EPOCH), null);
});

/** What somebody else on the channel does about a hello. */
type Answer = (hello: { from: string; seq: number }, say: (channel: string, what: object) => void) => void;

const acks = (replica: string): string => `{partners-gateway}:acks:${replica}`;
const ANSWERS: Readonly<Record<string, { answer: Answer; isBelieved: boolean }>> = {
  "that Redis was in sight all along": {
    answer: ({ from, seq }, say) => say(acks(from), { from: "x", seq }),
    isBelieved: true,
  },
  "nothing but that it is there, as older versions do": {
    answer: (_, say) => say(ALL, { from: "x", seq: 1, type: "beat" }),
    isBelieved: false,
  },
  "to what was said before": {
    answer: ({ from, seq }, say) => say(acks(from), { from: "x", seq: seq - 1 }),
    isBelieved: false,
  },
  "after it was told that a removal had failed": {
    answer({ from, seq }, say) {
      say(ALL, { from: "y", seq: 1, type: "flush", kinds: ["keys"], distrust: true });
      say(acks(from), { from: "x", seq });
    },
    isBelieved: false,
  },
  "after something was missed": {
    answer({ from, seq }, say) {
      for (const each of [1, 3]) say(ALL, { from: `y${seq}`, seq: each, type: "beat" });
      say(acks(from), { from: "x", seq });
    },
    isBelieved: false,
  },
};

for (const [what, { answer, isBelieved }] of Object.entries(ANSWERS)) {
  t.test(`what another answers a hello with: ${what}`, async (t) => {
    const other = redis.admin.duplicate();
    t.teardown(() => other.disconnect());
    await other.subscribe(ALL);
    other.on("message", (_, text: string) => {
      const { type, from, seq }: { type?: unknown; from: string; seq: number } = JSON.parse(text);
      if (type !== "hello") return;
      answer({ from, seq }, (channel, words) => void redis.admin.publish(channel, JSON.stringify(words)));
    });
    await redis.admin.set(EPOCH, "from before");
    await start(t);
    t.equal(await redis.admin.get(EPOCH), isBelieved ? "from before" : null);
  });
}
