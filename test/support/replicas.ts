import type { Test } from "tap";

import { startCms } from "./cms/server.ts";
import { type Program, startProgram } from "./program.ts";
import { startRedis } from "./redis.ts";
import {
  administrator,
  type Gateway,
  judge,
  KEY,
  pause,
  purge,
  sharing,
  statusOf,
  timeUntilRefused,
  untilRedis,
  USER,
} from "./revocation.ts";
import { startLine } from "./tcp-line.ts";

/**
 * Two replicas, one Redis, one CMS, and the rows of the failure table as functions: whatever becomes of Redis, partners
 * get right answers, a request waits for it once and not each time, a withdrawn key ends when it was promised to, and
 * all is well again without a restart. Starts on import.
 */

/** Shorter than the defaults of 30 s and 5 s, so that a test can wait for them. */
export const KEY_TTL = 20_000;
export const CUT_OFF_TTL = 2_000;
/** Longer than the default of 50 ms, so that waiting for Redis can be told from waiting for a busy machine. */
const COMMAND_TIMEOUT = 250;
/** A lookup that took longer than this, the CMS not counted, has waited for Redis. */
const SLOW_MS = COMMAND_TIMEOUT - 10;
const LIST = "/partners/2026-02/tenant-a/pages?limit=1";

export const [cms, redis] = [await startCms({ record: false }), await startRedis()];
export const line = await startLine(redis.port);
const settings = {
  cache: { keyTtl: `${KEY_TTL}ms`, cutOffTtl: `${CUT_OFF_TTL}ms`, lookupsPerSecond: 10_000 },
  redis: { commandTimeout: `${COMMAND_TIMEOUT}ms` },
};
export const [one, two] = await Promise.all([
  startProgram(cms.url, { settings, env: sharing(redis.url) }),
  // The second has a line to Redis that can be cut for it alone.
  startProgram(cms.url, { settings, env: sharing(`redis://127.0.0.1:${line.port}`) }),
]);
/** Ends all that was started. */
export async function closeAll(): Promise<void> {
  if (redis.kind !== "url") await redis.resume().catch(() => undefined);
  await Promise.all([one.stop(), two.stop()]);
  await Promise.all([cms.close(), line.close(), redis.close()]);
}
export const BOTH = [one, two];

/** The seeded data, both replicas well, empty memories, and the key remembered by both. */
export async function healthy(t: Test): Promise<void> {
  for (const gateway of BOTH) await untilRedis(gateway, "ok");
  await cms.reset();
  // Once more where the machine was too busy for the time limit.
  for (let i = 0; i < 5 && (await purge(one, { all: true })).status !== 200; i += 1) await pause(100);
  for (const gateway of BOTH) t.equal(await statusOf(gateway, LIST, KEY), 200);
}

/**
 * New keys one after another: each is a lookup in Redis, then in the CMS. How many had to wait for Redis? By the
 * gateway's own log, less the time that the CMS took, which says nothing of Redis.
 */
export async function strangers(t: Test, gateway: Program, state: string): Promise<void> {
  const before = gateway.lines().length;
  for (let i = 0; i < 60; i += 1) {
    t.equal(await judge(gateway, `stranger-${state}-${i}-${Math.random()}`), "refused");
    await pause(10);
  }
  const finished = () =>
    gateway
      .lines()
      .slice(before)
      .filter(({ code }) => code === "key.rejected");
  while (finished().length < 60) await pause(50);
  const times = finished()
    .map(({ ms, upstreamMs }) => Number(ms) - Number(upstreamMs))
    .toSorted((a, b) => a - b);
  const slow = times.filter((ms) => ms > SLOW_MS).length;
  const [median = 0, longest = 0] = [times[30], times.at(-1)];
  t.comment(
    `${state}: 60 lookups, beside the CMS ${median.toFixed(1)} ms, ${longest.toFixed(1)} ms at the most, ${slow} waited`,
  );
  // One timeout when it begins; a second one where a trial went well just before.
  t.ok(slow <= 3, `${slow} of 60 lookups waited for Redis`);
}

/** The same key served all through, and right answers for everybody else. */
export async function serves(t: Test, gateway: Gateway): Promise<void> {
  t.equal(await statusOf(gateway, LIST, KEY), 200, "a good key is served");
  t.equal(await judge(gateway, cms.keys.partnerB), "good");
  t.equal(await judge(gateway, cms.keys.disabled), "refused");
}

/** Withdraws the key through the first replica and tells how long each goes on accepting it. */
export async function withdraw(
  t: Test,
  state: string,
  promised: { one: number; two: number },
): Promise<void> {
  const admin = await administrator(one);
  for (const gateway of BOTH) t.equal(await judge(gateway, KEY), "good", "before");
  const begun = performance.now();
  await admin.write("PATCH", USER, { enableAPIKey: false });
  const wrote = performance.now() - begun;
  const [atOne, atTwo] = await Promise.all([
    timeUntilRefused(t, one, { key: KEY, ms: promised.one }),
    timeUntilRefused(t, two, { key: KEY, ms: promised.two }),
  ]);
  t.comment(
    `${state}: the write took ${wrote.toFixed(0)} ms, good for another ${atOne.toFixed(0)} and ${atTwo.toFixed(0)} ms`,
  );
}

/** Not one request is let through. */
export const AT_ONCE = 0;

/** Back to normal, without anybody having done anything about it. */
export async function recovers(t: Test, state: string): Promise<void> {
  const times = await Promise.all(BOTH.map((gateway) => untilRedis(gateway, "ok")));
  t.comment(`${state}: well again ${times.map((ms) => ms.toFixed(0)).join(" and ")} ms after its end`);
  await healthy(t);
  await withdraw(t, `after ${state}`, { one: AT_ONCE, two: AT_ONCE });
}
