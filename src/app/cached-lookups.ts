import { Cache, type Namespace } from "../cache/cache.ts";
import { parseIdentity, parseTenant } from "../cache/parse.ts";
import type { Config } from "../config/schema.ts";
import type { CacheEvents, InvalidationReason } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { Identity, TenantFacts } from "../core/context.ts";
import type { Cms, FactKind, NativeRequest } from "../core/ports.ts";
import { InFlight } from "../core/async/in-flight.ts";
import { BatchCoalescer } from "../core/async/batch-coalescer.ts";
import { Secret } from "../core/secret.ts";
import type { Writes } from "../core/writes.ts";
import type { Settle } from "../http/proxy/options.ts";
import type { Log } from "../observe/log.ts";
import type { Purge } from "../server/purge.ts";
import type { Keys } from "../partners/stages/authenticate.ts";
import type { ResolveTenantDeps, TenantQuestion } from "../partners/stages/resolve-tenant.ts";
import { Senders } from "./senders.ts";

/** Every kind of fact. */
export const BOTH: readonly FactKind[] = ["keys", "tenants"];

/** All that is remembered of one CMS, and the ways to have it forgotten. */
export interface CachedLookups {
  /** Resolves when no lookup is under way: one may be several questions, one after another. */
  readonly idle: () => Promise<void>;
  readonly keys: Keys;
  readonly tenants: ResolveTenantDeps["tenants"];
  /** For the native proxy: what is to be done before a request's answer is delivered, where anything is. */
  readonly beforeAnswer: (request: NativeRequest) => Settle | undefined;
}

export interface CacheDeps {
  readonly clock: Clock;
  readonly wallTime: () => number;
  readonly log: Log;
  readonly events?: Partial<CacheEvents>;
}

/** The caches of this process, still without any facts. */
export function openCache(config: Config, options: CacheDeps): Cache {
  const { clock, wallTime, log } = options;
  const cache = new Cache({ config, clock, wallTime, events: logged(options) });
  if (config.redis.secret === undefined && cache.redisState !== undefined)
    log.warn("CACHE_SECRET is not set: replicas share invalidations, and no facts");
  return cache;
}

/** What is remembered of every CMS, in one bounded memory for each kind. */
export interface CacheNamespaces {
  readonly keys: Namespace<Identity>;
  readonly tenants: Namespace<TenantFacts>;
}

/** Opens the memory; once for each cache. */
export function openNamespaces(config: Config, cache: Cache): CacheNamespaces {
  const { keyTtl, tenantTtl, tenantGrace, keys: maxKeys, tenants: maxTenants } = config.cache;
  return {
    keys: cache.facts<Identity>({
      kind: "keys",
      parse: parseIdentity,
      ttl: keyTtl,
      max: maxKeys,
      guarded: true,
    }),
    tenants: cache.facts<TenantFacts>({
      kind: "tenants",
      parse: parseTenant,
      ttl: tenantTtl,
      max: maxTenants,
      stale: { grace: tenantGrace, on: "tenant.unverifiable" },
    }),
  };
}

/** The CMS whose facts they are. */
export interface FactSource {
  /** Its configured name. */
  readonly name: string;
  readonly cms: Cms;
  /** With a key of the gateway's own everybody sees the same tenants; without one, each caller its own. */
  readonly hasServiceKey: boolean;
  readonly learntFrom: readonly string[];
}

/** What lasts longer than one configuration. */
interface Memory {
  readonly cache: Cache;
  readonly facts: CacheNamespaces;
  readonly clock: Clock;
  readonly writes: Writes;
}

/** Puts the caches between the stages and one CMS. */
export function createCachedLookups(lasting: Memory, source: FactSource): CachedLookups {
  const { facts } = lasting;
  const { name: of, cms, hasServiceKey, learntFrom } = source;
  const lookups = new InFlight();
  const keys = facts.keys.from<Secret>({
    of,
    learntFrom,
    lookup: (key, asking) => lookups.during(() => cms.identify(key, asking)),
    textOf: (key) => Secret.reveal(key),
  });
  const tenants = facts.tenants.from<TenantQuestion>({
    of,
    learntFrom,
    lookup: ({ ref, viewer }, asking) => lookups.during(() => cms.findTenant(ref, viewer, asking)),
    // By the memberships as well: a foreign tenant is the same absence as a missing one, remembered for the same time.
    textOf: ({ ref, viewer }) => {
      const name = ref.by === "id" ? ref.id : ref.slug;
      return JSON.stringify([hasServiceKey ? "" : viewer.name, viewer.tenantIds ?? "all", ref.by, name]);
    },
  });
  return {
    keys,
    tenants,
    idle: () => lookups.idle(),
    beforeAnswer: beforeAnswerOf(source, lasting),
  };
}

/**
 * A purge by user or tenant forgets all of the kind: nothing here says which keys are whose, and it costs a lookup each.
 * A key is forgotten as that of each CMS.
 */
export function purgeOf(cache: Cache, upstreams: () => Iterable<string>): Purge {
  return async (request) => {
    if (request.what !== "key") return cache.invalidate(BOTH, "purge");
    const key = Secret.reveal(request.key);
    const done = await Promise.all([...upstreams()].map((of) => cache.forget("keys", of, key)));
    const [worst] = done.toSorted((a, b) => Number(a.complete) - Number(b.complete));
    return worst ?? { peers: 0, acknowledged: 0, complete: true };
  };
}

/** RFC 9110, section 9.2.1. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** How far apart invalidations are that strangers cause, in milliseconds: each costs a question for every key in use. */
const STRANGERS_MS = 5_000;

interface Wish {
  readonly kinds: readonly FactKind[];
  readonly reason: InvalidationReason;
}

/**
 * What a user of the CMS may have changed is forgotten before the answer. So is what anybody else may have changed, where
 * nobody else was followed up just before; what comes soon after waits for the next time, and its answer does not: else a
 * stranger would decide how often everybody is looked up.
 */
function beforeAnswerOf(
  { cms }: FactSource,
  { cache, clock, writes }: Pick<Memory, "cache" | "clock" | "writes">,
): CachedLookups["beforeAnswer"] {
  const senders = new Senders(cms, clock);
  const ofStrangers = new BatchCoalescer<Wish, unknown>(
    (wishes) => {
      const isUncertain = wishes.some(({ reason }) => reason === "uncertain");
      const kinds = [...new Set(wishes.flatMap((wish) => wish.kinds))];
      return cache.invalidate(kinds, isUncertain ? "uncertain" : "write");
    },
    () => new Promise((resolve) => void clock.after(STRANGERS_MS, resolve)),
  );
  return (request) => {
    const kinds = cms.writesTo(request);
    if (kinds.length === 0 && SAFE.has(request.method)) return undefined;
    const end = writes.begin();
    let isFollowedAtOnce = false;
    return async (outcome, isWhole) => {
      if (isWhole) end();
      if (outcome === "refused") return;
      const reason = outcome === "settled" ? "write" : "uncertain";
      if (kinds.length === 0) return;
      // So is the end of an answer whose beginning was: what the CMS did in between may be more than it did before.
      if (isFollowedAtOnce || (await senders.knows(request))) {
        await cache.invalidate(kinds, reason);
        return;
      }
      isFollowedAtOnce = ofStrangers.isAtRest;
      const forgotten = ofStrangers.join({ kinds, reason });
      if (isFollowedAtOnce) await forgotten;
    };
  };
}

/** The events, with those that an operator has to know of in the log as well. */
function logged({ log, events, clock }: CacheDeps): CacheEvents {
  let last = "";
  const begun = clock.now();
  let complainedAt = -Infinity;
  return {
    found: (kind, via) => events?.found?.(kind, via),
    lookupRefused: () => events?.lookupRefused?.(),
    invalidated(invalidation) {
      events?.invalidated?.(invalidation);
      if (!invalidation.complete)
        log.warn(invalidation, "invalidation_degraded: a replica or Redis may still remember");
    },
    redis(state) {
      events?.redis?.(state);
      const now = JSON.stringify(state);
      const isWell = state.shared && state.heard;
      // While it starts, it is not yet well, which is no news.
      if (now === last || (last === "" && !isWell && clock.now() - begun < 2_000)) return;
      last = now;
      log[isWell ? "info" : "warn"](state, isWell ? "Redis serves" : "Redis does not serve in full");
    },
    redisFailed(cause) {
      events?.redisFailed?.(cause);
      // One line in ten seconds: a Redis that is gone fails at every beat.
      if (clock.now() - complainedAt < 10_000) return;
      complainedAt = clock.now();
      log.warn({ cause: cause instanceof Error ? cause.message : cause }, "Redis failed");
    },
  };
}
