import type * as z from "zod";
import type { Config } from "./schema.ts";
import type { upstream } from "./upstream.ts";

/** How many workers there are to be on a machine of so many `cores`. */
export function workersOf({ server }: Pick<Config, "server">, cores: number): number {
  return server.workers === "auto" ? cores : server.workers;
}

/** The configuration as one of so many workers is to have it: its part of each limit that holds for all together. */
export function partOf(config: Config, all: number): Config {
  const part = (limit: number): number => Math.ceil(limit / all);
  const narrowed = <T extends z.output<typeof upstream>>(one: T): T => ({
    ...one,
    connections: part(one.connections),
    queue: part(one.queue),
    keyLookups: part(one.keyLookups),
  });
  return {
    ...config,
    server: { ...config.server, maxConnections: part(config.server.maxConnections) },
    upstream: narrowed(config.upstream),
    upstreams: Object.fromEntries(
      Object.entries(config.upstreams).map(([name, one]) => [name, narrowed(one)]),
    ),
    limits: { ...config.limits, inFlight: part(config.limits.inFlight) },
    cache: { ...config.cache, lookupsPerSecond: part(config.cache.lookupsPerSecond) },
  };
}
