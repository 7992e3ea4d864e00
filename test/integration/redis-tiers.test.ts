import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import tap from "tap";

import { hold } from "../support/hold.ts";
import { startPair } from "../support/pair.ts";
import { startProgram } from "../support/program.ts";
import {
  administrator,
  type Gateway,
  judge,
  KEY,
  purge,
  sharing,
  statusOf,
  TOKEN,
  USER,
} from "../support/revocation.ts";
import { samplesOf } from "../support/scrape.ts";
import { forgetAll, unhurried, untilShared } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

// The two tiers keep the lookups at the CMS few. See redis-secrets.test.ts for the contents of the tiers, and
// key-lookups.test.ts for the number of lookups of unknown keys.
tap.setTimeout(900_000);
const MAIN = join(import.meta.dirname, "../../src/main.ts");
const { cms, redis, one, two, line } = await startPair(tap, unhurried());
const GOOD = [KEY, cms.keys.partnerB, cms.keys.partnerAC];
const ME = /^GET \/api\/users\/me/;

/** Runs the purge command to its end. */
async function run(args: readonly string[], env: Record<string, string>, input = "") {
  const child = spawn(process.execPath, [MAIN, "purge", ...args], { env: { ...env } });
  child.stdin.on("error", () => undefined).end(input);
  const ended = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  return { status: child.exitCode, stdout, stderr };
}

/** The number of key lookups that the CMS received. */
function identifications(): number {
  return line.asked.filter((request) => ME.test(request)).length;
}

/** The number of partner requests in flight in a gateway. */
async function inFlight(gateway: Gateway): Promise<number | undefined> {
  return (await samplesOf(gateway, "gateway_load", TOKEN))["of=requests"];
}

/**
 * Sends requests with one key at once; none is answered before all are in flight. Resolves with the verdicts.
 */
async function together(gateways: readonly Gateway[], requests: number): Promise<string[]> {
  const lookup = hold(line, ME);
  const answers = gateways.flatMap((gateway) => Array.from({ length: requests }, () => judge(gateway, KEY)));
  for (const gateway of gateways)
    await until("all requests to be in flight", async () => (await inFlight(gateway)) === requests);
  lookup.release();
  return [...new Set(await Promise.all(answers))];
}

/**
 * The number of lookups that `work` costs after an invalidation of all: the fewest of five tries. A gateway
 * that was not scheduled for a second and a half discards its lookups in flight and repeats them.
 */
async function costOf(least: number, work: () => Promise<void>): Promise<number> {
  let fewest = Infinity;
  for (let tries = 0; tries < 5 && fewest > least; tries += 1) {
    await forgetAll(one, 1);
    const before = identifications();
    await work();
    fewest = Math.min(fewest, identifications() - before);
  }
  return fewest;
}

await tap.test("200 concurrent first requests with one key cause one lookup", async (t) => {
  const atOne = async (): Promise<void> => {
    t.strictSame(await together([one], 200), ["good"]);
    const others = await Promise.all(Array.from({ length: 200 }, () => judge(two, KEY)));
    t.strictSame([...new Set(others)], ["good"]);
  };
  t.equal(await costOf(1, atOne), 1, "in the process that got the requests: the other reads Redis");
  const atBoth = async (): Promise<void> => {
    t.strictSame(await together([one, two], 100), ["good"]);
  };
  t.equal(await costOf(2, atBoth), 2, "at both at the same time: one lookup per process");
});

await tap.test("unknown keys are not written to Redis, and evict no good key", async (t) => {
  await forgetAll(one, 1);
  for (const name of await redis.admin.keys("*:keys:*")) await redis.admin.del(name);
  for (const key of GOOD) t.equal(await judge(one, key), "good");
  const records = async (): Promise<string[]> => (await redis.admin.keys("*:keys:*")).toSorted();
  await until("the good keys in Redis", async () => (await records()).length === GOOD.length);
  for (let i = 0; i < 500; i += 50) {
    const batch = Array.from({ length: 50 }, (_, n) => judge(one, `unknown-key-${i + n}`));
    t.strictSame([...new Set(await Promise.all(batch))], ["refused"]);
  }
  const asked = identifications();
  for (const gateway of [one, two]) for (const key of GOOD) t.equal(await judge(gateway, key), "good");
  t.equal(identifications(), asked, "the good keys are still cached");
  // A lookup sends its record to Redis before it answers, so the last record there proves the earlier ones.
  t.equal(await judge(one, cms.keys.service), "good");
  await until("the record of a later lookup", async () => (await records()).length > GOOD.length);
  t.equal((await records()).length, GOOD.length + 1);
});

await tap.test("a write that changes no user's rights invalidates nothing", async (t) => {
  const admin = await administrator(one);
  await forgetAll(one, 1);
  for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good");
  const asked = identifications();
  await admin.write("POST", "/api/pages", { tenant: 1, title: "new", slug: "new" });
  await admin.write("PATCH", "/api/pages/1", { title: "changed" });
  await admin.write("POST", "/api/payload-preferences/nav", { value: { open: true } });
  await administrator(two);
  for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good");
  t.equal(identifications(), asked);
});

await tap.test("the purge command purges, and an admin port without a token refuses it", async (t) => {
  const { ADMIN_TOKEN = "" } = sharing("");
  const at = ["--admin-url", one.adminUrl];
  t.equal(await judge(two, KEY), "good");
  await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
  const byKey = await run(["--key", ...at], { ADMIN_TOKEN }, `${KEY}\n`);
  t.match(byKey, { status: 0, stdout: /"purged":"key","peers":\d,"acknowledged":\d,"complete":true/ });
  t.equal(await judge(two, KEY), "refused");
  await cms.reset();
  for (const what of [["--all"], ["--user", "2"], ["--tenant", "1"]])
    t.equal((await run([...what, ...at], { ADMIN_TOKEN })).status, 0, what.join(" "));
  t.equal(await judge(two, KEY), "good");
  t.match(await run(["--all", ...at], {}), { status: 2, stderr: /ADMIN_TOKEN: set it/ });
  t.match(await run(["--all", ...at], { ADMIN_TOKEN: "wrong" }), { status: 1, stdout: /Unauthorized/ });
  t.match(await run(["--all", "--admin-url", "http://127.0.0.1:1"], { ADMIN_TOKEN }), {
    status: 1,
    stderr: /cannot be reached/,
  });
  for (const args of [[], ["--all", "--key"], ["--everything"]])
    t.equal((await run(args, {})).status, 2, args.join(" "));
  const bare = await startProgram(cms.url);
  t.teardown(() => bare.stop());
  t.match(await (await purge(bare, { all: true })).json(), { error: "Forbidden", message: /ADMIN_TOKEN/ });
});

await tap.test("without a secret lookups are not shared, and invalidations are", async (t) => {
  const env = { REDIS_URL: redis.url, ADMIN_TOKEN: TOKEN };
  const settings = unhurried({ redis: { prefix: "without-a-secret" } });
  const [first, second] = await Promise.all([
    startProgram(cms.url, { settings, env }),
    startProgram(cms.url, { settings, env }),
  ]);
  t.teardown(() => Promise.all([first.stop(), second.stop()]));
  // Two of the clients of this Redis are the gateways of the other tests.
  await untilShared(redis, [one, two, first, second]);
  t.match(first.lines(), [{ msg: /CACHE_SECRET is not set/ }]);
  const path = "/partners/2026-02/tenant-a/pages";
  for (const gateway of [first, second]) t.equal(await statusOf(gateway, path, KEY), 200);
  // A purge uses the connection on which records are written, and is answered after all earlier commands.
  for (const gateway of [first, second]) await forgetAll(gateway, 1);
  t.strictSame(await redis.admin.keys("{without-a-secret}:[kt]*"), [], "nothing is stored");
  for (const gateway of [one, first, second]) t.equal(await statusOf(gateway, path, KEY), 200);
  await until(
    "records of the gateways that have a secret",
    async () => (await redis.admin.keys("{partners-gateway}:[kt]*")).length > 1,
  );
  await (await administrator(first)).write("PATCH", USER, { enableAPIKey: false });
  t.equal(await judge(second, KEY), "refused");
});
