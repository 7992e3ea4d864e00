import { Cache, type Namespace } from "../cache/cache.ts";
import { parseIdentity, parseTenant } from "../cache/parse.ts";
import type { Config } from "../config/schema.ts";
import type { CacheEvents } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { Identity, TenantFacts } from "../core/context.ts";
import type { Cms, LookupKind } from "../core/ports.ts";
import { InFlight } from "../core/async/in-flight.ts";
import { Secret } from "../core/secret.ts";
import type { Log } from "../observe/log.ts";
import type { Purge } from "../server/purge.ts";
import type { Keys } from "../partners/stages/authenticate.ts";
import type { ResolveTenantDeps, TenantQuestion } from "../partners/stages/resolve-tenant.ts";

/** Every kind of fact. */
const BOTH: readonly LookupKind[] = ["keys", "tenants"];

/** The cached lookups of one CMS. */
export interface CachedLookups {
  /** Resolves when no lookup is under way. One lookup may be several requests in sequence. */
  readonly idle: () => Promise<void>;
  readonly keys: Keys;
  readonly tenants: ResolveTenantDeps["tenants"];
}

export interface CacheDeps {
  readonly clock: Clock;
  readonly wallTime: () => number;
  readonly log: Log;
  readonly events?: Partial<CacheEvents>;
}

/** Opens the caches of this process, which hold no facts yet. */
export function openCache(config: Config, options: CacheDeps): Cache {
  const { clock, wallTime, log } = options;
  const cache = new Cache({ config, clock, wallTime, events: logged(options) });
  if (config.redis.secret === undefined && cache.redisState !== undefined)
    log.warn("CACHE_SECRET is not set: replicas share invalidations, and no facts");
  return cache;
}

/** The facts of every CMS, in one bounded cache for each kind. */
export interface CacheNamespaces {
  readonly keys: Namespace<Identity>;
  readonly tenants: Namespace<TenantFacts>;
}

/** Opens the namespaces. To be called once for each cache. */
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

/** The CMS that facts are looked up in. */
export interface FactSource {
  /** Its configured name. */
  readonly name: string;
  readonly cms: Cms;
  /** With a service key all callers see the same tenants; without one each caller sees its own. */
  readonly hasServiceKey: boolean;
  readonly learntFrom: readonly string[];
}

/** Creates the cached lookups of one CMS. */
export function createCachedLookups(
  { facts }: { readonly facts: CacheNamespaces },
  { name: of, cms, hasServiceKey, learntFrom }: FactSource,
): CachedLookups {
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
    // By the memberships as well: a foreign tenant is cached as the same absence as a missing one, for the same time.
    textOf: ({ ref, viewer }) => {
      const name = ref.by === "id" ? ref.id : ref.slug;
      return JSON.stringify([hasServiceKey ? "" : viewer.name, viewer.tenantIds ?? "all", ref.by, name]);
    },
  });
  return { keys, tenants, idle: () => lookups.idle() };
}

/**
 * A purge by user or tenant invalidates all facts of the kind: nothing here maps a user to its keys, and it costs one lookup
 * for each. A purge by key invalidates the key in every CMS.
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

/** Passes the events on, and logs those that need an operator. */
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
      // Not well while it starts: that is no news.
      if (now === last || (last === "" && !isWell && clock.now() - begun < 2_000)) return;
      last = now;
      log[isWell ? "info" : "warn"](state, isWell ? "Redis serves" : "Redis does not serve in full");
    },
    redisFailed(cause) {
      events?.redisFailed?.(cause);
      // At most a line in ten seconds: without Redis every heartbeat fails.
      if (clock.now() - complainedAt < 10_000) return;
      complainedAt = clock.now();
      log.warn({ cause: cause instanceof Error ? cause.message : cause }, "Redis failed");
    },
  };
}
