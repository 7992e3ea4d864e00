/**
 * Attack: thousands of invented keys, each of which only the CMS can tell from a good one.
 * Amplifier: a cache in which known absences push out good keys; lookups that take every connection; a map per key.
 * Defence: absences have a cache of their own; looking up keys that never were good has a lane of its own, with a bounded
 * queue; what cannot be looked up is 503 and leaves nothing behind.
 */
import { randomUUID } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, hangs, says, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import { heapAfterCollection } from "../support/heap.ts";

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

t.test(
  "10,000 invented keys are 10,000 times 401, cost bounded memory and push no good key out",
  async (t) => {
    const settings = {
      partners: { collections: ["posts"] },
      // Every key is to be looked up: that there is also a rate for that is shown in redis-tiers.
      cache: {
        lookupsPerSecond: 1_000_000,
        keys: 10,
        absent: 100,
        keyTtl: "10m",
        tenantTtl: "10m",
        absentTtl: "10m",
      },
      upstream: { keyLookups: 32 },
    };
    const gateway = await startTestGateway(line.url, settings);
    t.teardown(() => gateway.stop());
    t.equal(await ask(gateway.port, goodKey), 200);
    line.stage(says(answerOf("200 OK", '{"user":null}')), STRANGE);
    const flood = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i += 50) {
        const statuses = await Promise.all(Array.from({ length: 50 }, () => ask(gateway.port, randomUUID())));
        t.ok(statuses.every((status) => status === 401));
      }
    };
    await flood(2_000);
    const before = heapAfterCollection();
    await flood(8_000);
    const growth = heapAfterCollection() - before;
    // The test keeps every log line (about 700 bytes of text each) itself.
    t.ok(growth < 40_000_000, `${Math.round(growth / 1e6)} MB`);
    t.equal(await ask(gateway.port, goodKey), 200);
    t.match(
      gateway.lines().at(-1),
      { keyVia: "memory", tenantVia: "memory" },
      "the good key was still known",
    );
  },
);

t.test(
  "while lookups of strangers hang, those who are known are served, and strangers are 503",
  async (t) => {
    const gateway = await startTestGateway(line.url, {
      partners: { collections: ["posts"] },
      upstream: { connections: 8, keyLookups: 4, firstByteTimeout: "20s" },
      cache: { keyTtl: "1s" },
    });
    t.teardown(() => gateway.stop());
    await line.heal();
    t.equal(await ask(gateway.port, goodKey), 200);
    line.stage(hangs, STRANGE);
    const flood = Array.from({ length: 60 }, () => ask(gateway.port, randomUUID()).catch(() => 0));
    const settled: number[] = [];
    for (const one of flood) void one.then((status) => settled.push(status));
    for (let i = 0; i < 500 && settled.length < 40; i++)
      await new Promise((resolve) => void setTimeout(resolve, 10));
    t.strictSame(
      settled,
      Array.from({ length: 40 }, () => 503),
      "4 are asked, 16 wait, the others hear so at once",
    );
    for (let i = 0; i < 20; i++) t.equal(await ask(gateway.port, goodKey), 200);
    await new Promise((resolve) => void setTimeout(resolve, 1_000));
    t.equal(await ask(gateway.port, goodKey), 200);
    t.match(gateway.lines().at(-1), { keyVia: "cms" }, "also where their keys have to be looked up again");
    agent.destroy();
    await Promise.all(flood);
  },
);
