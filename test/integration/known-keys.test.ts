import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { hangs, startFaultyLine } from "../support/faults.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { hold } from "../support/hold.ts";
import { addUsers } from "../support/many-users.ts";
import { startRedis } from "../support/redis.ts";
import { administrator, judge, sharing, TOKEN } from "../support/revocation.ts";
import { samplesOf } from "../support/scrape.ts";
import { unhurried, untilShared } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

// A key whose user this gateway has seen, or another replica through Redis, is never refused because too many unknown
// keys are asked about: not after an administrator's write, not at a replica that starts, not under a flood.

t.setTimeout(900_000);
const MANY = 300;
const ME = /^GET \/api\/users\/me/;
const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const redis = await startRedis();
const keys = await addUsers(cms, MANY);
const RECORDS = "{partners-gateway}:keys:*";
t.beforeEach(() => redis.admin.flushall());
t.teardown(async () => {
  await Promise.all([line.close(), cms.close(), redis.close()]);
});

type Cache = Readonly<Record<string, unknown>>;

/** A gateway that ends with the test; with Redis it shares what it knows. */
async function start(t: Test, cache: Cache, isShared = true): Promise<TestGateway> {
  const env = isShared ? sharing(redis.url) : { ADMIN_TOKEN: TOKEN };
  const gateway = await startTestGateway(line.url, unhurried({ cache }), { env });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= gateway.stop());
  t.teardown(stop);
  return { ...gateway, stop };
}

/** One that may ask about many unknown keys, and one that may ask about next to none. */
const LENIENT = { lookupsPerSecond: 100_000 };
const STRICT = { lookupsPerSecond: 1 };

/** Shows every key to a gateway, a few at a time. Resolves when Redis has it too, where that is shared. */
async function learn(t: Test, gateway: TestGateway, isShared = true): Promise<void> {
  const verdicts = new Set<string>();
  for (let i = 0; i < MANY; i += 50)
    for (const verdict of await Promise.all(keys.slice(i, i + 50).map((key) => judge(gateway, key))))
      verdicts.add(verdict);
  t.strictSame([...verdicts], ["good"]);
  // No request waits for its record to be written.
  if (isShared) await until("every record", async () => (await redis.admin.keys(RECORDS)).length === MANY);
}

/** How many requests of partners are under way in a gateway. */
async function underWay(gateway: TestGateway): Promise<number> {
  return (await samplesOf(gateway, "gateway_load", TOKEN))["of=requests"] ?? 0;
}

/** What a gateway says of every key, where all are asked about at once and the CMS answers none before all are here. */
async function crowd(gateway: TestGateway): Promise<Record<string, number>> {
  const lookups = hold(line, ME);
  let settled = 0;
  const before = await underWay(gateway);
  const verdicts = keys.map((key) => judge(gateway, key).finally(() => (settled += 1)));
  await until("all to be under way", async () => (await underWay(gateway)) - before + settled >= MANY);
  lookups.release();
  const counts: Record<string, number> = {};
  for (const verdict of await Promise.all(verdicts)) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
}

const ALL_GOOD = { good: MANY };

/** An administrator changes a user, which makes every replica forget. */
async function write(gateway: TestGateway): Promise<void> {
  const admin = await administrator(gateway);
  await admin.write("PATCH", "/api/users/7", { name: "changed" });
}

t.test("after an administrator's write", async (t) => {
  const gateway = await start(t, LENIENT, false);
  await learn(t, gateway, false);
  await write(gateway);
  t.strictSame(await crowd(gateway), ALL_GOOD);
});

t.test("under a flood of unknown keys that the CMS does not answer", async (t) => {
  const gateway = await start(t, LENIENT, false);
  await learn(t, gateway, false);
  line.stage(hangs, /^GET \/api\/users\/me[^]*API-Key unknown-/);
  t.teardown(() => line.heal());
  const unknown = Array.from({ length: 100 }, (_, n) => judge(gateway, `unknown-${n}`).catch(() => "left"));
  await until("the flood to be under way", async () => (await underWay(gateway)) >= 80);
  await write(gateway);
  t.strictSame(await crowd(gateway), ALL_GOOD);
  line.stage(({ gateway: socket }) => socket.destroy(), ME);
  await line.refuse();
  await line.heal();
  await Promise.all(unknown);
});

t.test("at a replica that starts", async (t) => {
  const one = await start(t, LENIENT);
  await untilShared(redis, [one]);
  await learn(t, one);
  const two = await start(t, STRICT);
  t.strictSame(await crowd(two), ALL_GOOD, "as soon as it listens");
});

t.test("at a replica that starts alone, while it believes nothing of what is in Redis", async (t) => {
  const one = await start(t, LENIENT);
  await untilShared(redis, [one]);
  await learn(t, one);
  await one.stop();
  // It waits for another's word for `redis.ackTimeout`, which here is longer than the test.
  const two = await start(t, STRICT);
  t.strictSame(await crowd(two), ALL_GOOD);
  t.match(await (await fetch(`${two.adminUrl}/readyz`)).text(), '"redis":"degraded"');
});

t.test("at a replica that has not seen them, after an administrator's write", async (t) => {
  const [one, two] = [await start(t, LENIENT), await start(t, STRICT)];
  await untilShared(redis, [one, two]);
  await learn(t, one);
  await write(one);
  t.strictSame(await crowd(two), ALL_GOOD);
  const three = await start(t, STRICT);
  await write(one);
  t.strictSame(await crowd(three), ALL_GOOD, "and at one that starts");
});

t.test("at a replica that has not seen them, once all that was known has expired", async (t) => {
  // What is older than a millisecond counts no longer where it is read.
  const [one, two] = [await start(t, LENIENT), await start(t, { ...STRICT, keyTtl: "1ms" })];
  await untilShared(redis, [one, two]);
  await learn(t, one);
  const [record = ""] = await redis.admin.keys(RECORDS);
  t.ok((await redis.admin.pttl(record)) > 12 * 3_600_000, "Redis keeps it for longer than an hour's life");
  t.strictSame(await crowd(two), ALL_GOOD);
});

t.test("unknown keys get no more than half of the connections, however few there are", async (t) => {
  const settings = { upstream: { connections: 4 }, cache: LENIENT };
  const gateway = await startTestGateway(line.url, unhurried(settings), { env: { ADMIN_TOKEN: TOKEN } });
  t.teardown(() => gateway.stop());
  t.equal(await judge(gateway, cms.keys.partnerA), "good");
  await write(gateway);
  const asked = line.asked.length;
  line.stage(hangs, /^GET \/api\/users\/me[^]*API-Key unknown-/);
  const unknown = Array.from({ length: 40 }, (_, n) => judge(gateway, `unknown-${n}`).catch(() => "left"));
  await until("the flood to be under way", async () => (await underWay(gateway)) >= 10);
  t.equal(await judge(gateway, cms.keys.partnerA), "good");
  t.ok(line.asked.slice(asked).length >= 3);
  await line.refuse();
  await line.heal();
  await Promise.all(unknown);
});
