import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import t, { type Test } from "tap";
import { IDENTITY, startReplica, until } from "../support/cache.ts";
import { startRedis } from "../support/redis.ts";

// One key is forgotten by the removal of its record. A replica that is busy may write that record a moment later: by
// what the CMS had told it before the key was withdrawn.

/** A line to Redis on which what was said by `publish` or `set` can be held back for a while. */
async function slowLine(target: number) {
  let held: (() => void)[] | undefined;
  const bytes: string[] = [];
  const server = createServer((client) => {
    const redis = connect(target, "127.0.0.1");
    redis.on("data", (chunk: Buffer) => client.write(chunk));
    client.on("data", (chunk: Buffer) => {
      const go = (): void => void redis.write(chunk);
      if (held === undefined) go();
      else held.push(go);
      if (held !== undefined) bytes.push(chunk.toString("latin1"));
    });
    join(client, redis);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    hold: () => (held = []),
    holds: (word: string) => bytes.some((text) => text.includes(word)),
    release() {
      for (const go of held ?? []) go();
      held = undefined;
    },
    close: () => server.close(),
  };
}

function join(one: Socket, other: Socket): void {
  one.on("error", () => other.destroy()).on("close", () => other.destroy());
  other.on("error", () => one.destroy()).on("close", () => one.destroy());
}

const redis = await startRedis();
t.teardown(() => redis.close());

/** A replica whose line to Redis may be one of the test's own. */
const replicaAt = (t: Test, port: number, secret: Record<string, string> = SECRET) =>
  startReplica(t, { env: { REDIS_URL: `redis://127.0.0.1:${port}`, ...secret } });
const SECRET = { CACHE_SECRET: "a secret of all replicas, for tests alone" };

t.test("a record that a busy replica wrote late does not outlive the forgetting of its key", async (t) => {
  const line = await slowLine(redis.port);
  t.teardown(() => line.close());
  const [one, busy] = [replicaAt(t, redis.port), replicaAt(t, line.port)];
  const isWell = ({ cache }: typeof one) => cache.redisState?.heard === true && cache.redisState.shared;
  await until(() => isWell(one) && isWell(busy));
  await until(async () => (await one.cache.invalidate(["keys"], "purge")).peers === 1);

  const early = busy.find("the key");
  await until(() => busy.asked.length === 1);
  line.hold();
  busy.asked[0]?.(IDENTITY);
  t.match(await early, { value: IDENTITY, via: "cms" });
  await until(() => line.holds("the CMS") || line.holds("schema"));
  const forgotten = one.cache.forget("keys", "default", "the key");
  await until(() => line.holds(":acks:"));
  line.release();
  t.strictSame(await forgotten, { peers: 1, acknowledged: 1, complete: true });

  const late = one.find("the key");
  const found = await Promise.race([late, until(() => one.asked.length === 1).then(() => "asks the CMS")]);
  t.equal(found, "asks the CMS");
  one.asked[0]?.(undefined);
  t.equal((await late).value, undefined);
});

t.test("without a secret that all have, others forget it too, by whatever name they know it", async (t) => {
  const [one, other] = [replicaAt(t, redis.port, {}), replicaAt(t, redis.port, {})];
  await until(() => one.cache.redisState?.heard === true && other.cache.redisState?.heard === true);
  await until(async () => (await one.cache.invalidate(["keys"], "purge")).peers === 1);
  const first = other.find("the key");
  await until(() => other.asked.length === 1);
  other.asked[0]?.(IDENTITY);
  await first;
  t.match(await other.find("the key"), { value: IDENTITY, via: "memory" });
  t.match(await one.cache.forget("keys", "default", "the key"), {
    peers: 1,
    acknowledged: 1,
    complete: true,
  });
  const again = other.find("the key");
  const found = await Promise.race([again, until(() => other.asked.length === 2).then(() => "asks the CMS")]);
  t.equal(found, "asks the CMS");
  other.asked[1]?.(undefined);
  t.equal((await again).value, undefined);
});

t.test(
  "who waits for his turn to forget, and cannot hear himself, does not keep what he read meanwhile",
  async (t) => {
    await redis.admin.call("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "&*", "+@all", "-subscribe");
    const env = { REDIS_URL: `redis://deaf:pw@127.0.0.1:${redis.port}`, ...SECRET };
    const deaf = startReplica(t, { env, ackTimeout: "500ms" });
    await until(() => deaf.cache.redisState?.shared === true);
    t.equal(deaf.cache.redisState?.heard, false);
    await deaf.learn("the key");
    await until(async () => (await redis.admin.keys("*:keys:*")).length === 1);
    const other = deaf.cache.invalidate(["tenants"], "write");
    const own = deaf.cache.invalidate(["keys"], "write");
    t.equal(await deaf.whence("the key"), "redis", "where it stands until the turn has come");
    await Promise.all([other, own]);
    t.equal(await deaf.whence("the key"), "the CMS is asked");
  },
);

for (const [what, secret] of [
  ["with a secret that all have", SECRET],
  ["without one", {}],
] as const)
  t.test(`a key that the CMS says is nobody's any longer is forgotten by all, ${what}`, async (t) => {
    const [one, other] = [replicaAt(t, redis.port, secret), replicaAt(t, redis.port, secret)];
    await until(() => one.cache.redisState?.heard === true && other.cache.redisState?.heard === true);
    await until(async () => (await one.cache.invalidate(["keys"], "purge")).peers === 1);
    await other.learn("the key");
    t.equal(await other.whence("the key"), "memory");
    const confirmed = one.confirm("the key");
    await until(() => one.asked.length === 1);
    one.asked[0]?.(undefined);
    t.equal((await confirmed).value, undefined);
    // It is not waited for: a request goes on before everybody has heard of it.
    const forgets = async () => (await other.whence("the key")) === "the CMS is asked";
    const begun = performance.now();
    while (!(await forgets()) && performance.now() - begun < 5_000) await pause(10);
    t.equal(other.asked.length, 2);
  });
