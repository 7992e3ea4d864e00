import type { Cache } from "../cache/cache.ts";
import { wallTime } from "../clock.ts";
import type { Config } from "../config/schema.ts";
import type { CacheEvents } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../observe/log.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { openCache } from "./remember.ts";

/** What a gateway is given besides its configuration. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** What lives as long as the process, whatever becomes of the configuration: what was counted and what was learnt. */
export interface Lasting extends Surroundings {
  readonly metrics: Metrics;
  readonly cache: Cache;
}

/** Opens it. The cache has to be closed. */
export function createLasting(config: Config, { clock, log }: Surroundings): Lasting {
  const metrics = createMetrics();
  const cache = openCache(config, { clock, wallTime, log, events: eventsOf(metrics) });
  return { clock, log, metrics, cache };
}

/** What the caches tell, as metrics. */
function eventsOf(metrics: Metrics): Partial<CacheEvents> {
  return {
    invalidated: ({ complete, ms }) => metrics.invalidation(complete ? "complete" : "degraded", ms / 1_000),
    redis: ({ shared, heard }) => metrics.state("redis", shared && heard),
    lookupRefused: () => metrics.refused("key.unverifiable"),
  };
}
