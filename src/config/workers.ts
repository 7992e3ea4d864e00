import * as z from "zod";
import { isObject } from "../core/json.ts";
import type { Problem } from "./problem.ts";
import { count } from "./words.ts";

/** More than any machine that a gateway is run on has cores: a slip of the pen. */
const MOST = 256;
const EXPECTED = `expected a whole number from 1 to ${MOST}, or auto`;

/** How many processes serve: the setting `server.workers`. */
export const workers = z
  .union([z.literal("auto"), count.max(MOST, { error: EXPECTED })], { error: EXPECTED })
  .default(1)
  .describe(
    "Processes that serve, or auto: one for each core. What is limited for the sake of the CMS or the machine (maxConnections, upstream.connections, queue and keyLookups, limits.inFlight, cache.lookupsPerSecond) is a limit in all, divided among them; limits.inFlightPerKey and sizes of memory are each one's own. docs/deploying.md says when.",
  );

/**
 * Rates that each worker would count for itself. Looks at the raw settings, so that one message names this beside every
 * other problem. `auto` counts as several, however many cores this machine has: the next one has more.
 */
export function workerProblems(settings: Readonly<Record<string, unknown>>): Problem[] {
  const [server, rate, redis] = ["server", "rate", "redis"].map((section) => {
    const given = settings[section];
    return isObject(given) ? given : {};
  });
  const parsed = workers.safeParse(server?.["workers"]);
  const isAlone = !parsed.success || parsed.data === 1;
  const isShared = ["url", "sentinels", "cluster"].some((name) => !isEmpty(redis?.[name]));
  if (isAlone || isShared || String(rate?.["enabled"]) !== "true") return [];
  const message =
    "several workers would each count for themselves; set REDIS_URL (redis.url), or server.workers to 1 (WORKERS)";
  return [{ path: ["rate", "enabled"], message }];
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
