import { readFileSync } from "node:fs";
import { createPayloadCms } from "../cms/payload/payload.ts";
import type { Config } from "../config/schema.ts";
import { readTls } from "../config/tls.ts";
import type { UpstreamSettings } from "../config/upstream.ts";
import type { Cms, Upstream } from "../core/ports.ts";
import type { Recorder } from "../observe/explain/recorder.ts";
import { causeOf } from "../observe/log.ts";
import { SharedReads } from "../partners/stages/shared-reads.ts";
import { watchTargets, type UpstreamHealth } from "../http/client/health.ts";
import { bulkhead } from "../http/client/bulkhead.ts";
import { createUpstream, type UpstreamPool } from "../http/client/pool.ts";
import { withClientSpans } from "../http/client/client-spans.ts";
import type { ProcessServices } from "./process-services.ts";
import { createCachedLookups, type CachedLookups } from "./cached-lookups.ts";

/** One CMS with all that the gateway has for it. Nothing in it knows of another CMS. */
export interface UpstreamContext {
  readonly name: string;
  readonly settings: UpstreamSettings;
  readonly pool: UpstreamPool;
  /** The pool as requests are sent to it: traced where traces are wanted. */
  readonly upstream: Upstream;
  /** The reads under way, of which equal ones may be shared. */
  readonly reads: SharedReads;
  readonly health: UpstreamHealth;
  readonly cms: Cms;
  readonly memory: CachedLookups;
  /** What its facts are learnt from; where none of it stays, neither does what is remembered. */
  readonly learntFrom: readonly string[];
}

const SAID = {
  silent: "CMS does not answer",
  answers: "CMS answers again",
  out: "target does not work: it gets no more requests",
  back: "target works again",
} as const;

/** The connections to a CMS. Throws where a certificate cannot be read. */
export function connectTo(
  { tls, ...settings }: UpstreamSettings,
  clock: ProcessServices["clock"],
): UpstreamPool {
  return createUpstream({ ...settings, tls: readTls(tls, readText), clock });
}

/** The configuration as the adapter of one CMS is to see it: each CMS knows the gateway by a key of its own. */
export function configFor(config: Config, { serviceKey }: UpstreamSettings): Config {
  return { ...config, cms: { ...config.cms, serviceKey } };
}

/** Opens one. Throws where a certificate cannot be read. */
export function createUpstreamContext(
  config: Config,
  {
    name,
    settings,
    recorder,
  }: Pick<UpstreamContext, "name" | "settings"> & { recorder?: Recorder | undefined },
  lasting: ProcessServices,
): UpstreamContext {
  const { clock, tell, log, tracer, writes } = lasting;
  const own = configFor(config, settings);
  const pool = connectTo(settings, clock);
  const sender = tracer === undefined ? pool : withClientSpans(pool);
  const upstream = recorder?.upstream(sender) ?? sender;
  const cms = createPayloadCms(own, upstream, {
    tell,
    // Never all connections: known keys would wait until the CMS has answered about unknown ones.
    strangers: bulkhead(upstream, Math.min(settings.keyLookups, Math.ceil(settings.connections / 2))),
  });
  const adapters = new Map(pool.targets.map((target) => [target, createPayloadCms(own, pool.only(target))]));
  const health = watchTargets(pool, {
    ...settings,
    clock,
    probe: async (target, asking) => adapters.get(target)?.probe(asking),
    onNews: ({ origin }, news) => {
      const line = { upstream: name, target: origin };
      if ("cause" in news) log.warn({ ...line, cause: causeOf(news.cause) }, SAID[news.what]);
      else log.info(line, SAID[news.what]);
    },
  });
  // With what decides how the CMS is read: roles that have a limit are part of what is remembered of a user.
  const reading = [own.cms, Object.keys(own.rate.roles)];
  const learntFrom = settings.targets.map((origin) => JSON.stringify([name, origin, reading]));
  const hasServiceKey = settings.serviceKey !== undefined;
  const reads = new SharedReads({ isSharing: config.partners.shareReads, writes });
  const memory = createCachedLookups(lasting, { name, cms, hasServiceKey, learntFrom });
  return { name, settings, pool, upstream, reads, health, cms, memory, learntFrom };
}

/** A file's text, for `readTls`. */
export function readText(path: string): string {
  return readFileSync(path, "utf8");
}
