import type { Tier } from "./access-log.ts";
import type { LookupKind } from "./ports.ts";

/**
 * The cause of an invalidation. `uncertain`: a write without an answer, which the CMS may still carry out.
 */
export type InvalidationReason = "write" | "uncertain" | "purge";

/** The result of an invalidation. */
export interface Invalidation {
  readonly reason: InvalidationReason;
  readonly kinds: readonly LookupKind[];
  /** The time from its start until every reachable replica had invalidated, in milliseconds. */
  readonly ms: number;
  /** The number of other live replicas, and how many of them acknowledged. */
  readonly peers: number;
  readonly acknowledged: number;
  /** False if a replica, or Redis itself, may still hold the invalidated facts (`invalidation_degraded`). */
  readonly complete: boolean;
}

/**
 * The state of Redis. `shared`: replicas share facts. `heard`: this replica receives the messages of its
 * peers.
 */
export interface RedisState {
  readonly shared: boolean;
  readonly heard: boolean;
}

/** The events of the cache, for metrics and the log. Every call is short and must not throw. */
export interface CacheEvents {
  /** A lookup was answered; the counts give the hit rate of each tier. */
  found(kind: LookupKind, via: Tier): void;
  /** Facts were invalidated; `ms` goes into the `revocation` histogram. */
  invalidated(invalidation: Invalidation): void;
  /** The state of Redis has changed. */
  redis(state: RedisState): void;
  /** A command failed, or a record in Redis has no valid seal. */
  redisFailed(cause: unknown): void;
  /** An unknown key was not looked up, because the limit on lookups of unknown keys was exceeded. */
  lookupRefused(): void;
}
