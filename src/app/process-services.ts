import type { Cache } from "../cache/cache.ts";
import type { Config } from "../config/schema.ts";
import type { CacheEvents } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { Counter } from "../core/rate.ts";
import type { Tracer } from "../core/trace.ts";
import { Writes } from "../core/writes.ts";
import { combineEvents, type Events } from "../observe/events.ts";
import { createLogListener, type Log } from "../observe/log.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { createStatus, type Status } from "../observe/status.ts";
import { readBuild } from "./build.ts";
import { openCache, openNamespaces, type CacheNamespaces } from "./cached-lookups.ts";

/** The dependencies of a gateway besides its configuration. */
export interface ProcessDeps {
  readonly clock: Clock;
  /** The time of day in milliseconds since 1970. */
  readonly wallTime: () => number;
  readonly log: Log;
  /** Present if traces are exported. */
  readonly tracer?: Tracer | undefined;
}

/** Everything that lives as long as the process and that no reload replaces: counts, caches, the connection to Redis. */
export interface ProcessServices extends ProcessDeps {
  /** Reports to the log, the metrics and the status page. */
  readonly events: Events;
  readonly metrics: Metrics;
  readonly status: Status;
  readonly cache: Cache;
  readonly counter: Counter;
  readonly facts: CacheNamespaces;
  /** The writes under way, by any configuration: reads of different snapshots may be shared. */
  readonly writes: Writes;
}

/** Creates them. The cache has to be closed. */
export function createProcessServices(config: Config, deps: ProcessDeps): ProcessServices {
  const { clock, wallTime, log } = deps;
  const build = readBuild();
  const metrics = createMetrics(build);
  const status = createStatus({ clock, wallTime, build });
  const events = combineEvents([createLogListener(log), metrics, status]);
  const cache = openCache(config, { clock, wallTime, log, events: cacheEventsOf(events) });
  return {
    ...deps,
    events,
    metrics,
    status,
    cache,
    counter: cache.counter(),
    facts: openNamespaces(config, cache),
    writes: new Writes(),
  };
}

/** The events of the caches that metrics count. */
function cacheEventsOf(events: Events): Partial<CacheEvents> {
  return {
    invalidated: ({ complete, ms }) => events.invalidation(complete ? "complete" : "degraded", ms / 1_000),
    lookupRefused: () => events.lookupRefused(),
  };
}
