import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import type { KeyName } from "../support/cms/keys.ts";
import { readPosts } from "../support/partner.ts";
import { startProgram } from "../support/program.ts";
import { startRedis } from "../support/redis.ts";
import { slowLine } from "../support/slow-line.ts";
import { startStillGateway, untilRedisIs } from "../support/still-gateway.ts";
import { sharing, TOKEN } from "../support/revocation.ts";
import { COMMAND_TIMEOUT_MS, unhurried, untilShared } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

// Two gateways share one Redis, so a request at one counts at the other. The gateways' clocks stand still,
// except in the first test, where the gateways are separate processes.
t.setTimeout(900_000);
const [cms, redis] = [await startCms({ record: false }), await startRedis()];
t.teardown(async () => {
  await Promise.all([cms.close(), redis.close()]);
});
t.comment(`Redis: ${redis.kind}`);

type Gateway = Readonly<Record<"url" | "adminUrl", string>>;

function settingsOf(rate: Record<string, unknown>, redis: Record<string, unknown>) {
  return unhurried({ rate: { enabled: true, window: "1h", ...rate }, redis });
}

/** Starts two replicas in this process that use one Redis. */
async function replicas(t: Test, rate: Record<string, unknown>, redis: { prefix: string; url: string }) {
  const { prefix, url } = redis;
  // The first replica at a Redis uses it after `ackTimeout`, which is four steps of its clock.
  const settings = settingsOf(rate, { prefix, ackTimeout: "2s" });
  const start = async () => {
    const gateway = await startStillGateway(cms.url, settings, { env: sharing(url) });
    t.teardown(() => gateway.stop());
    return gateway;
  };
  const gateways = [await start(), await start()] as const;
  await untilRedisIs(gateways, "ok");
  return gateways;
}

async function metricsOf({ adminUrl }: Gateway): Promise<string> {
  return (await fetch(`${adminUrl}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text();
}

async function drain(sent: Promise<Response>): Promise<Response> {
  const answer = await sent;
  await answer.arrayBuffer();
  return answer;
}

/**
 * Sends `of` requests with one key to the gateways in turn, `width` at the same time, and counts those passed
 * and refused. Only a 429 counts as refused: whether a busy CMS then fails is not tested here.
 */
class Burst {
  passed = 0;
  refused = 0;
  readonly over: Promise<this>;

  constructor(
    gateways: readonly Gateway[],
    key: KeyName,
    { of, width = 50 }: { of: number; width?: number },
  ) {
    let sent = 0;
    const client = async (): Promise<void> => {
      while (sent < of) {
        const gateway = gateways[sent % gateways.length];
        sent += 1;
        if (gateway === undefined) return;
        if ((await drain(readPosts(gateway, key))).status === 429) this.refused += 1;
        else this.passed += 1;
      }
    };
    this.over = Promise.all(Array.from({ length: width }, client)).then(() => this);
  }
}

async function burst(gateways: readonly Gateway[], key: KeyName, of: number) {
  const { passed, refused } = await new Burst(gateways, key, { of }).over;
  return { passed, refused };
}

t.test("of 400 concurrent requests to two processes exactly the limit passes", async (t) => {
  const given = { settings: settingsOf({}, { prefix: "burst" }), env: sharing(redis.url) };
  const [one, two] = await Promise.all([startProgram(cms.url, given), startProgram(cms.url, given)]);
  t.teardown(() => Promise.all([one.stop(), two.stop()]));
  await untilShared(redis, [one, two]);
  const [answers, others] = await Promise.all([
    burst([one, two], "partnerA", 400),
    burst([one, two], "partnerC", 40),
  ]);
  t.strictSame(answers, { passed: 100, refused: 300 });
  t.strictSame(others, { passed: 40, refused: 0 }, "another key is not affected");
  const last = await drain(readPosts(two, "partnerA"));
  t.equal(last.status, 429);
  t.equal(last.headers.get("ratelimit-policy"), '"reads";q=100;w=3600');
  t.match(last.headers.get("ratelimit"), /^"reads";r=0;t=\d+$/);
  t.equal(`t=${last.headers.get("retry-after")}`, last.headers.get("ratelimit")?.split(";")[2]);
  const names = await redis.admin.keys("{burst}:count:*");
  t.strictSame(
    names.toSorted(),
    ["{burst}:count:reads:2", "{burst}:count:reads:4"],
    "only user ids are stored",
  );
  t.equal(await redis.admin.llen("{burst}:count:reads:2"), 100, "a refused request adds no entry");
  const page = await metricsOf(one);
  t.match(page, /gateway_rate_total\{bucket="reads",outcome="refused"\} \d+/);
  t.match(page, 'gateway_part_state{part="rate"} 1');
});

t.test("the window rolls: a request frees its place one window after it passed, not before", async (t) => {
  const minutes = 60_000;
  const gateways = await replicas(t, { reads: 20 }, { prefix: "rolling", url: redis.url });
  const place = "{rolling}:count:reads:2";
  /** Makes every request that Redis has counted older by `ms`. */
  const age = async (ms: number): Promise<void> => {
    const times = await redis.admin.lrange(place, 0, -1);
    for (const [i, time] of times.entries()) await redis.admin.lset(place, i, Number(time) - ms);
  };
  t.strictSame(await burst(gateways, "partnerA", 12), { passed: 12, refused: 0 });
  await age(30 * minutes);
  t.strictSame(await burst(gateways, "partnerA", 20), { passed: 8, refused: 12 });
  await age(20 * minutes);
  t.strictSame(
    await burst(gateways, "partnerA", 10),
    { passed: 0, refused: 10 },
    "the first requests are 50 minutes old",
  );
  await age(11 * minutes);
  t.strictSame(
    await burst(gateways, "partnerA", 20),
    { passed: 12, refused: 8 },
    "the first twelve have left",
  );
  await age(30 * minutes);
  t.strictSame(await burst(gateways, "partnerA", 20), { passed: 8, refused: 12 }, "the next eight have left");
  await age(61 * minutes);
  t.strictSame(await burst(gateways, "partnerA", 30), { passed: 20, refused: 10 }, "all have left");
});

t.test("if Redis is killed, requests pass uncounted; they are counted when it is back", async (t) => {
  const gateways = await replicas(t, { reads: 30 }, { prefix: "killed", url: redis.url });
  const [one] = gateways;
  t.strictSame(await burst(gateways, "partnerA", 60), { passed: 30, refused: 30 });
  const midway = new Burst(gateways, "partnerA", { of: 200, width: 8 });
  await until("refusals before the end of Redis", () => midway.refused > 20);
  await redis.kill();
  const { passed, refused } = await midway.over;
  t.equal(passed + refused, 200, "each request has its answer");
  t.strictSame(await burst(gateways, "partnerA", 100), { passed: 100, refused: 0 });
  const uncounted = await drain(readPosts(one, "partnerA"));
  t.equal(uncounted.headers.get("ratelimit"), null, "no header states a remainder");
  t.match(await metricsOf(one), 'gateway_part_state{part="rate"} 0');
  await redis.start();
  await untilRedisIs(gateways, "ok");
  t.strictSame(await burst(gateways, "partnerA", 60), { passed: 30, refused: 30 });
});

t.test("if Redis does not answer, one request waits for it, and no later one", async (t) => {
  const line = await slowLine(redis.port);
  t.teardown(() => line.close());
  const place = { prefix: "silent", url: `redis://127.0.0.1:${line.port}` };
  const [one, two] = await replicas(t, { reads: 10_000 }, place);
  const left = async (gateway: Gateway) =>
    (await drain(readPosts(gateway, "partnerA"))).headers.get("ratelimit")?.split(";")[1];
  for (const gateway of [one, two]) t.match(await left(gateway), /^r=\d+$/);
  line.hold();
  const first = left(one);
  await until("a request that waits for Redis", () => line.holds("evalsha"));
  // The timeout of this request alone passes: a beat that is sent meanwhile has a whole timeout left.
  one.clock.move(COMMAND_TIMEOUT_MS);
  t.equal(await first, undefined, "the request passes uncounted");
  for (let i = 0; i < 60; i += 1) t.equal(await left(one), undefined);
  t.equal(line.count("evalsha"), 1, "no later request sends a count");
  t.equal(line.count("mget"), 0, "no later request sends a lookup");
  line.release();
  await untilRedisIs([one], "ok");
  t.match(await left(one), /^r=\d+$/, "requests are counted again");
});

t.test("if Redis refuses to count (out of memory, another type at the key), requests pass", async (t) => {
  const gateways = await replicas(t, { reads: 5 }, { prefix: "refusing", url: redis.url });
  const place = "{refusing}:count:reads:2";
  t.strictSame(await burst(gateways, "partnerA", 10), { passed: 5, refused: 5 });
  // The list is deleted first: a full list needs no write to refuse a request, and would continue to refuse.
  await redis.admin.del(place);
  await redis.admin.config("SET", "maxmemory", "1mb");
  t.strictSame(await burst(gateways, "partnerA", 10), { passed: 10, refused: 0 });
  await redis.admin.config("SET", "maxmemory", "0");
  await redis.admin.del(place);
  await redis.admin.set(place, "no list");
  t.strictSame(await burst(gateways, "partnerA", 10), { passed: 10, refused: 0 });
  await redis.admin.del(place);
  await redis.admin.call("SCRIPT", "FLUSH");
  t.strictSame(await burst(gateways, "partnerA", 10), { passed: 5, refused: 5 }, "errors stop no counting");
});
