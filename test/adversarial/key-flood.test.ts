/**
 * Attack: thousands of invented keys, which only the CMS can tell from valid ones.
 * Amplifier: a cache in which unknown keys evict known keys, lookups that take every connection, a map entry
 * per key.
 * Defence: unknown keys have a cache of their own. Lookups of keys that were never valid have a separate
 * concurrency limit and a bounded queue. A key that cannot be looked up is a 503 and leaves no state.
 */
import { randomUUID } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, hangs, says, startFaultyLine, type Fault } from "../support/faults.ts";
import { startStillGateway } from "../support/still-gateway.ts";
import { until } from "../support/until.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
t.teardown(async () => {
  agent.destroy();
  await line.close();
  await cms.close();
});

const TARGET = "/partners/2026-02/tenant-a/posts?limit=1";
const goodKey = cms.keys.partnerA;
/** Lookups of any key, except the fixture's keys and the gateway's own probe. */
const STRANGE = new RegExp(`^GET /api/users/me[^]*API-Key (?!${goodKey}|partners-gateway-probe)`);

function ask(port: number, key: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `users API-Key ${key}` };
    const sent = httpRequest({ host: "127.0.0.1", port, path: TARGET, headers, agent }, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.once("error", reject).end();
  });
}

/** Stages `fault` for lookups of invented keys. Returns a function that counts them. */
function stageStrange(t: Test, fault: Fault): () => number {
  let lookups = 0;
  line.stage((request) => {
    lookups += 1;
    fault(request);
  }, STRANGE);
  t.teardown(() => line.heal());
  return () => lookups;
}

function inventKeys(n: number): string[] {
  return Array.from({ length: n }, () => randomUUID());
}

const ABSENT = 100;

t.test(
  "answers 2,000 invented keys with 401, caches a bounded number of them, and evicts no valid key",
  async (t) => {
    const settings = {
      partners: { collections: ["posts"] },
      // The test needs a lookup of every key; the rate limit on lookups has its test in redis-tiers.
      cache: { lookupsPerSecond: 1_000_000, keys: 10, absent: ABSENT },
      upstream: { keyLookups: 32 },
    };
    const gateway = await startStillGateway(line.url, settings);
    t.teardown(() => gateway.stop());
    t.equal(await ask(gateway.port, goodKey), 200);
    const lookups = stageStrange(t, says(answerOf("200 OK", '{"user":null}')));
    const refuse = async (keys: readonly string[]): Promise<void> => {
      for (let i = 0; i < keys.length; i += 50) {
        const statuses = await Promise.all(keys.slice(i, i + 50).map((key) => ask(gateway.port, key)));
        t.ok(statuses.every((status) => status === 401));
      }
    };
    const keys = inventKeys(2_000);
    await refuse(keys);
    t.equal(lookups(), 2_000);
    await refuse(keys.slice(-ABSENT));
    t.equal(lookups(), 2_000, "the last ones are cached");
    await refuse(keys.slice(0, ABSENT));
    t.equal(lookups(), 2_000 + ABSENT, "the first ones were evicted and are looked up again");
    t.equal(await ask(gateway.port, goodKey), 200);
    t.match(
      gateway.lines().at(-1),
      { keyVia: "memory", tenantVia: "memory" },
      "the valid key was still cached",
    );
  },
);

t.test("while lookups of unknown keys hang, known keys are served and unknown ones get 503", async (t) => {
  const gateway = await startStillGateway(line.url, {
    partners: { collections: ["posts"] },
    upstream: { connections: 8, keyLookups: 4 },
    cache: { keyTtl: "1s" },
  });
  t.teardown(() => gateway.stop());
  t.equal(await ask(gateway.port, goodKey), 200);
  const lookups = stageStrange(t, hangs);
  const settled: number[] = [];
  const flood = inventKeys(60).map((key) => ask(gateway.port, key).catch(() => 0));
  for (const one of flood) void one.then((status) => settled.push(status));
  const refused = Array.from({ length: 40 }, () => 503);
  await until("40 refusals", () => settled.length >= refused.length);
  for (let i = 0; i < 20; i++) t.equal(await ask(gateway.port, goodKey), 200);
  gateway.clock.move(1_000);
  t.equal(await ask(gateway.port, goodKey), 200);
  t.match(gateway.lines().at(-1), { keyVia: "cms" }, "even if their keys have expired and need a lookup");
  t.strictSame(settled, refused, "4 lookups run, 16 wait, and the others are rejected at once");
  t.equal(lookups(), 4);
  agent.destroy();
  await Promise.all(flood);
});
