import type { Test } from "tap";
import { type Cms, startCms } from "./cms/server.ts";
import { type FaultyLine, startFaultyLine } from "./faults.ts";
import { type Program, startProgram } from "./program.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import { sharing } from "./revocation.ts";
import { untilShared } from "./unhurried.ts";

/** Two gateways as separate processes, one Redis, one CMS. */
export interface Pair {
  readonly cms: Cms;
  readonly redis: TestRedis;
  readonly one: Program;
  readonly two: Program;
  /**
   * The line through which both reach the CMS, because gateways with different upstream origins share no
   * cached lookups.
   */
  readonly line: FaultyLine;
}

/** Starts them with these settings for both, waits until all are ready, and ends them with the test. */
export async function startPair(t: Test, settings: Record<string, unknown>): Promise<Pair> {
  const [cms, redis] = [await startCms({ record: false }), await startRedis()];
  const line = await startFaultyLine(() => cms.port);
  const env = sharing(redis.url);
  const [one, two] = await Promise.all([
    startProgram(line.url, { settings, env }),
    startProgram(line.url, { settings, env }),
  ]);
  t.teardown(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await Promise.all([line.close(), cms.close(), redis.close()]);
  });
  await untilShared(redis, [one, two]);
  t.comment(`Redis: ${redis.kind}`);
  return { cms, redis, one, two, line };
}
