import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import type { KeyName } from "../support/cms/keys.ts";
import { readPosts } from "../support/partner.ts";
import { startProgram, type Program } from "../support/program.ts";
import { startRedis } from "../support/redis.ts";
import { PATIENT, pause, sharing, TOKEN, untilRedis } from "../support/revocation.ts";

// Two gateways as processes of their own, one Redis: what one lets through counts at the other.
t.setTimeout(240_000);
const [cms, redis] = [await startCms({ record: false }), await startRedis()];
t.teardown(async () => {
  if (redis.kind !== "url") await redis.resume().catch(() => undefined);
  await Promise.all([cms.close(), redis.close()]);
});
t.comment(`Redis: ${redis.kind}`);

interface Passed {
  readonly before: number;
  readonly after: number;
  /** By its status alone: what a CMS that is too busy makes of what passed is not the question here. */
  readonly outcome: "passed" | "refused";
}

async function replicas(t: Test, rate: Record<string, unknown>, prefix: string): Promise<[Program, Program]> {
  const settings = {
    rate: { enabled: true, ...rate },
    redis: { ...PATIENT, prefix },
    limits: { inFlightPerKey: 1_000 },
    upstream: { tenantShare: 1, firstByteTimeout: "60s", deadline: "60s" },
    partners: { deadline: "60s" },
  };
  const start = () => startProgram(cms.url, { settings, env: sharing(redis.url) });
  const [one, two] = await Promise.all([start(), start()]);
  t.teardown(() => Promise.all([one.stop(), two.stop()]));
  for (const gateway of [one, two]) {
    await untilRedis(gateway, "ok");
    // So that a burst is not one of lookups.
    for (const key of ["partnerB", "partnerC"] as const) await drain(readPosts(gateway, key));
  }
  return [one, two];
}

async function metricsOf({ adminUrl }: Program): Promise<string> {
  return (await fetch(`${adminUrl}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text();
}

async function drain(sent: Promise<Response>): Promise<Response> {
  const answer = await sent;
  await answer.arrayBuffer();
  return answer;
}

/** Requests with one key, `width` at the same time, over both gateways in turn. */
async function burst(
  gateways: readonly Program[],
  key: KeyName,
  { of, width = 50 }: { of: number; width?: number },
) {
  const passed: Passed[] = [];
  let sent = 0;
  const worker = async (): Promise<void> => {
    while (sent < of) {
      const gateway = gateways[sent % gateways.length];
      sent += 1;
      if (gateway === undefined) return;
      const before = performance.now();
      const { status } = await drain(readPosts(gateway, key));
      passed.push({ before, after: performance.now(), outcome: status === 429 ? "refused" : "passed" });
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return passed;
}

function outcomes(answers: readonly Passed[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of answers) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

t.test("of 1,000 requests at once over two replicas exactly the limit passes", async (t) => {
  // So long a window that the burst lies within it on the slowest machine; that it rolls is the next test's.
  const gateways = await replicas(t, { window: "10m" }, "burst");
  const begun = performance.now();
  const [answers, others] = await Promise.all([
    burst(gateways, "partnerA", { of: 1_000 }),
    burst(gateways, "partnerC", { of: 40, width: 2 }),
  ]);
  t.strictSame(outcomes(answers), { passed: 100, refused: 900 });
  t.equal(outcomes(others)["refused"], undefined, "another key is untouched");
  t.comment(`1,000 requests in ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  const [one, two] = gateways;
  const last = await drain(readPosts(two, "partnerA"));
  t.equal(last.status, 429);
  t.equal(last.headers.get("ratelimit-policy"), '"reads";q=100;w=600');
  t.match(last.headers.get("ratelimit"), /^"reads";r=0;t=\d+$/);
  t.equal(`t=${last.headers.get("retry-after")}`, last.headers.get("ratelimit")?.split(";")[2]);
  const names = await redis.admin.keys("{burst}:count:*");
  t.strictSame(
    names.toSorted(),
    ["{burst}:count:reads:2", "{burst}:count:reads:3", "{burst}:count:reads:4"],
    "a user's id is all that is stored of anybody",
  );
  t.equal(await redis.admin.llen("{burst}:count:reads:2"), 100, "what was refused leaves nothing");
  const page = await metricsOf(one);
  t.match(page, /gateway_rate_total\{bucket="reads",outcome="refused"\} \d+/);
  t.match(page, 'gateway_part_state{part="rate"} 1');
});

t.test("the window rolls: no stretch of its length holds one more than the limit", async (t) => {
  const [limit, window] = [20, 2_000];
  const gateways = await replicas(t, { reads: limit, window: `${window}ms` }, "rolling");
  const passed: Passed[] = [];
  while (passed.length < 5 * limit) {
    const answers = await burst(gateways, "partnerA", { of: 40, width: 4 });
    passed.push(...answers.filter(({ outcome }) => outcome === "passed"));
    await pause(20);
  }
  // Each passed at some time between `before` and `after`. Redis counts in whole milliseconds, which is the tolerance.
  for (const { before } of passed) {
    const surely = passed.filter((other) => other.before >= before && other.after < before + window - 1);
    t.ok(surely.length <= limit, `${surely.length} in one window`);
  }
});

t.test("Redis killed midway: what comes passes, uncounted; and is counted when Redis is back", async (t) => {
  const gateways = await replicas(t, { window: "10m", reads: 30 }, "killed");
  const [one] = gateways;
  t.strictSame(outcomes(await burst(gateways, "partnerA", { of: 60 })), { passed: 30, refused: 30 });
  const under = burst(gateways, "partnerA", { of: 400, width: 8 });
  await redis.kill();
  const answers = await under;
  t.equal(answers.length, 400, "each has its answer");
  const after = await burst(gateways, "partnerA", { of: 100 });
  t.strictSame(outcomes(after), { passed: 100 }, "all of them");
  const uncounted = await drain(readPosts(one, "partnerA"));
  t.equal(uncounted.headers.get("ratelimit"), null, "nobody knows what is left");
  const page = await metricsOf(one);
  t.match(page, 'gateway_part_state{part="rate"} 0');
  await redis.start();
  for (const gateway of gateways) await untilRedis(gateway, "ok");
  t.strictSame(outcomes(await burst(gateways, "partnerA", { of: 60 })), { passed: 30, refused: 30 });
});

t.test("Redis black-holed: requests wait for it once, not each time", async (t) => {
  const gateways = await replicas(t, { window: "10m", reads: 10_000 }, "paused");
  const [one] = gateways;
  for (let i = 0; i < 5; i += 1) await drain(readPosts(one, "partnerA"));
  await redis.pause();
  const before = one.lines().length;
  for (let i = 0; i < 60; i += 1) t.not((await drain(readPosts(one, "partnerA"))).status, 429);
  const finished = () =>
    one
      .lines()
      .slice(before)
      .filter(({ msg }) => msg === "request");
  while (finished().length < 60) await pause(50);
  await redis.resume();
  const waited = finished().map(({ ms, upstreamMs }) => Number(ms) - Number(upstreamMs));
  const total = waited.reduce((sum, ms) => sum + ms, 0);
  t.comment(
    `60 requests, beside the CMS ${total.toFixed(0)} ms in all, ${Math.max(...waited).toFixed(0)} ms at the most`,
  );
  // With a time limit of 500 ms, sixty that each waited would be 30 s.
  t.ok(total < 10_000, `${total.toFixed(0)} ms`);
});

t.test(
  "what Redis refuses (read-only, full, another type in the place) passes, and facts are still read",
  async (t) => {
    const gateways = await replicas(t, { window: "10m", reads: 5 }, "refusing");
    const [one] = gateways;
    t.strictSame(outcomes(await burst(gateways, "partnerA", { of: 10 })), { passed: 5, refused: 5 });
    // From nothing: a list that is full needs no writing to refuse one more, and goes on doing so.
    await redis.admin.del("{refusing}:count:reads:2");
    await redis.admin.config("SET", "maxmemory", "1mb");
    t.strictSame(outcomes(await burst([one], "partnerA", { of: 10, width: 1 })), { passed: 10 });
    await redis.admin.config("SET", "maxmemory", "0");
    await redis.admin.del("{refusing}:count:reads:2");
    await redis.admin.set("{refusing}:count:reads:2", "no list");
    t.strictSame(outcomes(await burst([one], "partnerA", { of: 10, width: 1 })), { passed: 10 });
    await redis.admin.del("{refusing}:count:reads:2");
    await redis.admin.call("SCRIPT", "FLUSH");
    t.strictSame(outcomes(await burst(gateways, "partnerA", { of: 10 })), { passed: 5, refused: 5 });
  },
);
