/**
 * Attack: thousands of invented keys, each of which only the CMS can tell from a good one.
 * Amplifier: a cache in which known absences push out good keys; lookups that take every connection; a map per key.
 * Defence: absences have a cache of their own; looking up keys that never were good has a lane of its own, with a bounded
 * queue; what cannot be looked up is 503 and leaves nothing behind.
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
/** Lookups of any key but those of the fixture (and the gateway's own probe). */
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

/** Does this to lookups of invented keys; returns how many there were since. */
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
  "2,000 invented keys are 2,000 times 401; a bounded number is remembered, and no good key pushed out",
  async (t) => {
    const settings = {
      partners: { collections: ["posts"] },
      // Every key is to be looked up: that there is also a rate for that is shown in redis-tiers.
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
    t.equal(lookups(), 2_000, "the last ones are remembered");
    await refuse(keys.slice(0, ABSENT));
    t.equal(lookups(), 2_000 + ABSENT, "nothing is left of the first ones: they are looked up again");
    t.equal(await ask(gateway.port, goodKey), 200);
    t.match(
      gateway.lines().at(-1),
      { keyVia: "memory", tenantVia: "memory" },
      "the good key was still known",
    );
  },
);

t.test("while lookups of unknown keys hang, known keys are served, and unknown ones get 503", async (t) => {
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
  t.match(gateway.lines().at(-1), { keyVia: "cms" }, "also where their keys have to be looked up again");
  t.strictSame(settled, refused, "4 are asked, 16 wait, the others are refused at once");
  t.equal(lookups(), 4);
  agent.destroy();
  await Promise.all(flood);
});
