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

// A key whose user this gateway has seen, or another replica through Redis, is never refused because of too
// many lookups of unknown keys. The tests cover an administrator's write, a replica that starts, and a flood.

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

/** Starts a gateway that stops after the test. With Redis it shares its cache. */
async function start(t: Test, cache: Cache, isShared = true): Promise<TestGateway> {
  const env = isShared ? sharing(redis.url) : { ADMIN_TOKEN: TOKEN };
  const gateway = await startTestGateway(line.url, unhurried({ cache }), { env });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= gateway.stop());
  t.teardown(stop);
  return { ...gateway, stop };
}

/** Settings that allow many lookups of unknown keys, and almost none. */
const LENIENT = { lookupsPerSecond: 100_000 };
const STRICT = { lookupsPerSecond: 1 };

/** Sends every key, 50 at a time. If the cache is shared, resolves when Redis has every record. */
async function learn(t: Test, gateway: TestGateway, isShared = true): Promise<void> {
  const verdicts = new Set<string>();
  for (let i = 0; i < MANY; i += 50)
    for (const verdict of await Promise.all(keys.slice(i, i + 50).map((key) => judge(gateway, key))))
      verdicts.add(verdict);
  t.strictSame([...verdicts], ["good"]);
  // A request does not wait until its record is written.
  if (isShared) await until("every record", async () => (await redis.admin.keys(RECORDS)).length === MANY);
}

/** The number of partner requests in flight in a gateway. */
async function inFlight(gateway: TestGateway): Promise<number> {
  return (await samplesOf(gateway, "gateway_load", TOKEN))["of=requests"] ?? 0;
}

/**
 * Sends every key at once; the CMS answers when all are in flight. Resolves with the count of each verdict.
 */
async function sendAll(gateway: TestGateway): Promise<Record<string, number>> {
  const lookups = hold(line, ME);
  let settled = 0;
  const before = await inFlight(gateway);
  const verdicts = keys.map((key) => judge(gateway, key).finally(() => (settled += 1)));
  await until("all to be in flight", async () => (await inFlight(gateway)) - before + settled >= MANY);
  lookups.release();
  const counts: Record<string, number> = {};
  for (const verdict of await Promise.all(verdicts)) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
}

const ALL_GOOD = { good: MANY };

/** Changes a user as an administrator, which invalidates the caches of every replica. */
async function write(gateway: TestGateway): Promise<void> {
  const admin = await administrator(gateway);
  await admin.write("PATCH", "/api/users/7", { name: "changed" });
}

t.test("known keys are served after an administrator's write", async (t) => {
  const gateway = await start(t, LENIENT, false);
  await learn(t, gateway, false);
  await write(gateway);
  t.strictSame(await sendAll(gateway), ALL_GOOD);
});

t.test("known keys are served under a flood of unknown keys that the CMS does not answer", async (t) => {
  const gateway = await start(t, LENIENT, false);
  await learn(t, gateway, false);
  line.stage(hangs, /^GET \/api\/users\/me[^]*API-Key unknown-/);
  t.teardown(() => line.heal());
  const unknown = Array.from({ length: 100 }, (_, n) => judge(gateway, `unknown-${n}`).catch(() => "left"));
  await until("the flood to be in flight", async () => (await inFlight(gateway)) >= 80);
  await write(gateway);
  t.strictSame(await sendAll(gateway), ALL_GOOD);
  line.stage(({ gateway: socket }) => socket.destroy(), ME);
  await line.refuse();
  await line.heal();
  await Promise.all(unknown);
});

t.test("known keys are served at a replica that starts", async (t) => {
  const one = await start(t, LENIENT);
  await untilShared(redis, [one]);
  await learn(t, one);
  const two = await start(t, STRICT);
  t.strictSame(await sendAll(two), ALL_GOOD, "as soon as it listens");
});

t.test("known keys are served at a replica that starts alone, before it uses Redis's records", async (t) => {
  const one = await start(t, LENIENT);
  await untilShared(redis, [one]);
  await learn(t, one);
  await one.stop();
  // The replica waits for an answer of another for `redis.ackTimeout`, which here is longer than the test.
  const two = await start(t, STRICT);
  t.strictSame(await sendAll(two), ALL_GOOD);
  t.match(await (await fetch(`${two.adminUrl}/readyz`)).text(), '"redis":"degraded"');
});

t.test("known keys are served after an administrator's write at a replica new to them", async (t) => {
  const [one, two] = [await start(t, LENIENT), await start(t, STRICT)];
  await untilShared(redis, [one, two]);
  await learn(t, one);
  await write(one);
  t.strictSame(await sendAll(two), ALL_GOOD);
  const three = await start(t, STRICT);
  await write(one);
  t.strictSame(await sendAll(three), ALL_GOOD, "also at a replica that starts");
});

t.test("known keys are served at a replica new to them, when every record has expired", async (t) => {
  // With this TTL, the replica ignores a record that is older than a millisecond.
  const [one, two] = [await start(t, LENIENT), await start(t, { ...STRICT, keyTtl: "1ms" })];
  await untilShared(redis, [one, two]);
  await learn(t, one);
  const [record = ""] = await redis.admin.keys(RECORDS);
  t.ok((await redis.admin.pttl(record)) > 12 * 3_600_000, "Redis keeps a record for more than 12 hours");
  t.strictSame(await sendAll(two), ALL_GOOD);
});

t.test("unknown keys get at most half of the connections, even if there are few", async (t) => {
  const settings = { upstream: { connections: 4 }, cache: LENIENT };
  const gateway = await startTestGateway(line.url, unhurried(settings), { env: { ADMIN_TOKEN: TOKEN } });
  t.teardown(() => gateway.stop());
  t.equal(await judge(gateway, cms.keys.partnerA), "good");
  await write(gateway);
  const asked = line.asked.length;
  line.stage(hangs, /^GET \/api\/users\/me[^]*API-Key unknown-/);
  const unknown = Array.from({ length: 40 }, (_, n) => judge(gateway, `unknown-${n}`).catch(() => "left"));
  await until("the flood to be in flight", async () => (await inFlight(gateway)) >= 10);
  t.equal(await judge(gateway, cms.keys.partnerA), "good");
  t.ok(line.asked.slice(asked).length >= 3);
  await line.refuse();
  await line.heal();
  await Promise.all(unknown);
});
