import type { Tier } from "./access-log.ts";
import type { FactKind } from "./ports.ts";

/** Why facts were forgotten. `uncertain`: a write whose answer never came, and which may yet be carried out. */
export type InvalidationReason = "write" | "uncertain" | "purge";

/** How an invalidation went. */
export interface Invalidation {
  readonly reason: InvalidationReason;
  readonly kinds: readonly FactKind[];
  /** From the moment it was known to be needed until every replica that could be reached had forgotten. */
  readonly ms: number;
  /** Other replicas that were alive, and how many of them said that they have forgotten. */
  readonly peers: number;
  readonly acknowledged: number;
  /** False where a replica, or Redis itself, may still hold what was to be forgotten (`invalidation_degraded`). */
  readonly complete: boolean;
}

/** How Redis serves: `shared` false, facts are not shared; `heard` false, this replica does not hear its peers. */
export interface RedisState {
  readonly shared: boolean;
  readonly heard: boolean;
}

/** What the caches tell of themselves, for metrics and the log. Every call is short and must not throw. */
export interface CacheEvents {
  /** A fact was asked for; counts tell the hit rate of each tier. */
  found(kind: FactKind, via: Tier): void;
  /** Facts were forgotten; `ms` is the `revocation` histogram. */
  invalidated(invalidation: Invalidation): void;
  /** Redis serves in another way than before. */
  redis(state: RedisState): void;
  /** A command failed, or a record in Redis was not one of ours. */
  redisFailed(cause: unknown): void;
  /** A key that nobody knows was not looked up, since more such keys came than the CMS is to be asked about. */
  lookupRefused(): void;
}
