import type { Cache } from "../cache/cache.ts";
import type { Config } from "../config/schema.ts";
import type { CacheEvents } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { Counter } from "../core/rate.ts";
import type { Tracer } from "../core/trace.ts";
import { Writes } from "../core/writes.ts";
import { combineEvents, type Events } from "../observe/events.ts";
import { logging, type Log } from "../observe/log.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { createStatus, type Status } from "../observe/status.ts";
import { readBuild } from "./build.ts";
import { openCache, openNamespaces, type CacheNamespaces } from "./cached-lookups.ts";

/** What a gateway is given besides its configuration. */
export interface ProcessDeps {
  readonly clock: Clock;
  /** The time of day in milliseconds since 1970. */
  readonly wallTime: () => number;
  readonly log: Log;
  /** Where traces are wanted. */
  readonly tracer?: Tracer | undefined;
}

/** What lives as long as the process, whatever becomes of the configuration: what was counted and what was learnt. */
export interface ProcessServices extends ProcessDeps {
  /** Tells the log, the metrics and the status page. */
  readonly tell: Events;
  readonly metrics: Metrics;
  readonly status: Status;
  readonly cache: Cache;
  readonly counter: Counter;
  readonly facts: CacheNamespaces;
  /** Those under way: reads by whatever configuration are shared by them. */
  readonly writes: Writes;
}

/** Opens it. The cache has to be closed. */
export function createProcessServices(config: Config, surroundings: ProcessDeps): ProcessServices {
  const { clock, wallTime, log } = surroundings;
  const build = readBuild();
  const metrics = createMetrics(build);
  const status = createStatus({ clock, wallTime, build });
  const tell = combineEvents([logging(log), metrics, status]);
  const cache = openCache(config, { clock, wallTime, log, events: eventsOf(tell) });
  const [counter, facts] = [cache.counter(), openNamespaces(config, cache)];
  return { ...surroundings, tell, metrics, status, cache, counter, facts, writes: new Writes() };
}

/** What the caches tell. */
function eventsOf(tell: Events): Partial<CacheEvents> {
  return {
    invalidated: ({ complete, ms }) => tell.invalidation(complete ? "complete" : "degraded", ms / 1_000),
    lookupRefused: () => tell.lookupRefused(),
  };
}
