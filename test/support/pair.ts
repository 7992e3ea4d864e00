import type { Test } from "tap";
import { type Cms, startCms } from "./cms/server.ts";
import { type Program, startProgram } from "./program.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import { sharing, untilRedis } from "./revocation.ts";

/** Two gateways as processes of their own, one Redis, one CMS. */
export interface Pair {
  readonly cms: Cms;
  readonly redis: TestRedis;
  readonly one: Program;
  readonly two: Program;
}

/** Starts them, with these settings for both, and waits until all is well; ends them with the test. */
export async function startPair(
  t: Test,
  settings: Record<string, unknown>,
  { record = false }: { record?: boolean } = {},
): Promise<Pair> {
  const [cms, redis] = [await startCms({ record }), await startRedis()];
  const env = sharing(redis.url);
  const [one, two] = await Promise.all([
    startProgram(cms.url, { settings, env }),
    startProgram(cms.url, { settings, env }),
  ]);
  t.teardown(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await Promise.all([cms.close(), redis.close()]);
  });
  for (const gateway of [one, two]) await untilRedis(gateway, "ok");
  t.comment(`Redis: ${redis.kind}`);
  return { cms, redis, one, two };
}
