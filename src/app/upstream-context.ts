import { readFileSync } from "node:fs";
import { createPayloadCms } from "../cms/payload/payload.ts";
import type { Config } from "../config/schema.ts";
import { readTls } from "../config/tls.ts";
import type { UpstreamSettings } from "../config/upstream.ts";
import type { Cms, Upstream } from "../core/ports.ts";
import { causeOf } from "../observe/log.ts";
import { SharedReads } from "../partners/stages/shared-reads.ts";
import { watchTargets, type UpstreamHealth } from "../http/client/health.ts";
import { bulkhead } from "../http/client/bulkhead.ts";
import { createUpstream, type UpstreamPool } from "../http/client/pool.ts";
import { withClientSpans } from "../http/client/client-spans.ts";
import type { ProcessServices } from "./process-services.ts";
import { createCachedLookups, type CachedLookups } from "./cached-lookups.ts";

/** A CMS with the connections to it and the lookups of its keys and tenants. It refers to no other CMS. */
export interface UpstreamContext {
  readonly name: string;
  readonly settings: UpstreamSettings;
  readonly pool: UpstreamPool;
  /** The pool behind the layers that trace and record. */
  readonly sender: Upstream;
  /** The reads under way, of which equal ones may be shared. */
  readonly reads: SharedReads;
  readonly health: UpstreamHealth;
  readonly cms: Cms;
  readonly lookups: CachedLookups;
  /** The sources of its facts. A fact is dropped if none of its sources is configured any longer. */
  readonly learntFrom: readonly string[];
}

const NEWS = {
  silent: "CMS does not answer",
  answers: "CMS answers again",
  out: "target does not work: it gets no more requests",
  back: "target works again",
} as const;

/** Opens the connection pool of a CMS. Throws if a certificate cannot be read. */
export function connectTo(
  { tls, ...settings }: UpstreamSettings,
  clock: ProcessServices["clock"],
): UpstreamPool {
  return createUpstream({ ...settings, tls: readTls(tls, readText), clock });
}

/** The configuration for the adapter of one CMS: the gateway has another service key in each. */
export function configFor(config: Config, { serviceKey }: UpstreamSettings): Config {
  return { ...config, cms: { ...config.cms, serviceKey } };
}

/** Opens the context of one CMS. Throws if a certificate cannot be read. */
export function createUpstreamContext(
  config: Config,
  { name, settings }: Pick<UpstreamContext, "name" | "settings">,
  services: ProcessServices,
): UpstreamContext {
  const { clock, events, log, tracer, writes } = services;
  const own = configFor(config, settings);
  const pool = connectTo(settings, clock);
  const sender = tracer === undefined ? pool : withClientSpans(pool);
  const cms = createPayloadCms(own, sender, {
    tell: events,
    // Never all connections: known keys would wait until the CMS has answered about unknown ones.
    strangers: bulkhead(sender, Math.min(settings.keyLookups, Math.ceil(settings.connections / 2))),
  });
  const adapters = new Map(pool.targets.map((target) => [target, createPayloadCms(own, pool.only(target))]));
  const health = watchTargets(pool, {
    ...settings,
    clock,
    probe: async (target, asking) => adapters.get(target)?.probe(asking),
    onNews: ({ origin }, news) => {
      const line = { upstream: name, target: origin };
      if ("cause" in news) log.warn({ ...line, cause: causeOf(news.cause) }, NEWS[news.what]);
      else log.info(line, NEWS[news.what]);
    },
  });
  // With the settings that decide how a fact is parsed: a cached user has those roles that have a rate limit.
  const reading = [own.cms, Object.keys(own.rate.roles)];
  const learntFrom = settings.targets.map((origin) => JSON.stringify([name, origin, reading]));
  const hasServiceKey = settings.serviceKey !== undefined;
  const reads = new SharedReads({ isSharing: config.partners.shareReads, writes });
  const lookups = createCachedLookups(services, { name, cms, hasServiceKey, learntFrom });
  return { name, settings, pool, sender, reads, health, cms, lookups, learntFrom };
}

/** A file's text, for `readTls`. */
export function readText(path: string): string {
  return readFileSync(path, "utf8");
}
