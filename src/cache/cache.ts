import { randomBytes } from "node:crypto";
import type { Config } from "../config/schema.ts";
import type { CacheEvents, InvalidationReason, RedisState } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { LookupContext, CachedLookup, LookupKind } from "../core/ports.ts";
import type { Counter } from "../core/rate.ts";
import { Secret } from "../core/secret.ts";
import { LocalCounter } from "./local-counter.ts";
import { RedisCounter } from "./redis-counter.ts";
import { Digests } from "./digest.ts";
import type { InvalidationResult } from "./pending-acks.ts";
import { UnknownKeyLimiter } from "./unknown-key-limiter.ts";
import { createCachedLookup, type LookupStore, type Tagged } from "./cached-lookup.ts";
import { Invalidator } from "./invalidator.ts";
import { InvalidationBus } from "./invalidation-bus.ts";
import { MemoryTier } from "./memory-tier.ts";
import { parseTagged } from "./parse.ts";
import { RedisKeys } from "./redis-keys.ts";
import { firstContact, hasRedis, openRedis, type RedisClient } from "./redis.ts";
import { RedisTier } from "./redis-tier.ts";

export interface CacheOptions {
  readonly config: Pick<Config, "cache" | "redis">;
  readonly clock: Clock;
  /** The time of day in milliseconds since 1970. */
  readonly wallTime: () => number;
  readonly events: CacheEvents;
}

/** How long Redis records that a key was valid once, which exempts it from the limit on unknown keys. */
export const KNOWN_MS = 24 * 3_600_000;

/** The options of one kind of fact. */
export interface NamespaceOptions<T> {
  readonly kind: LookupKind;
  readonly parse: (value: unknown) => T | undefined;
  readonly ttl: number;
  readonly max: number;
  /** How long an expired fact may be served, and on which error of the lookup. */
  readonly stale?: { readonly grace: number; readonly on: ErrorCode };
  /** True if any client can cause lookups of arbitrary names; lookups of unknown names are then limited. */
  readonly guarded?: boolean;
}

/** The source of facts of one kind: one CMS. */
export interface LookupSource<K, T> {
  /** The name of the CMS. */
  readonly of: string;
  readonly lookup: (key: K, asking: LookupContext) => Promise<T | undefined>;
  /** The text that identifies the fact. It may be secret; the cache keeps only its digest. */
  readonly textOf: (key: K) => string;
  /** The settings that decide what a fact means: see `Source.marks`. The texts may be secret. */
  readonly learntFrom: readonly string[];
}

/** The facts of one kind. */
export interface Namespace<T> {
  /** The facts of one CMS, behind the cache. */
  from<K>(origin: LookupSource<K, T>): CachedLookup<K, T>;
}

/** The cache of one process, and its connection to the cache that all replicas share in Redis. */
export class Cache {
  readonly #options: CacheOptions;
  readonly #digests: Digests;
  readonly #places: RedisKeys;
  readonly #redis: { readonly commands: RedisClient; readonly link: InvalidationBus } | undefined;
  readonly #invalidator: Invalidator;
  readonly #stores = new Map<LookupKind, Pick<LookupStore<unknown>, "flush" | "drop">>();
  /** Resolves when Redis is first ready or the first attempt has failed; at once without Redis. */
  readonly begun: Promise<void>;
  #isClosed = false;

  constructor(options: CacheOptions) {
    this.#options = options;
    const { redis } = options.config;
    const secret = new Secret(redis.secret ?? randomBytes(32).toString("base64url"));
    this.#digests = new Digests(secret, options.config.cache.keys + options.config.cache.tenants);
    this.#places = new RedisKeys(redis.prefix);
    this.#redis = hasRedis(redis) ? this.#connect() : undefined;
    this.begun = this.#redis === undefined ? Promise.resolve() : firstContact(this.#redis.commands);
    this.#invalidator = new Invalidator({
      clock: options.clock,
      link: this.#redis?.link,
      places: this.#places,
      events: options.events,
      flush: (kinds) => this.flush(kinds),
    });
  }

  /** True if replicas share facts. Without `redis.secret` they share invalidations only. */
  get sharesFacts(): boolean {
    return this.#redis !== undefined && this.#options.config.redis.secret !== undefined;
  }

  /** The state of Redis; `undefined` if none is configured. */
  get redisState(): RedisState | undefined {
    return this.#redis && { shared: this.#redis.link.gate.isOpen, heard: this.#redis.link.hears };
  }

  /** Creates the cache of one kind of fact. Call it once per kind. */
  facts<T extends object>(kind: NamespaceOptions<T>): Namespace<T> {
    const { clock, events } = this.#options;
    const { cache } = this.#options.config;
    const store = createCachedLookup<T>({
      clock,
      memory: this.#memory(kind),
      shared: this.#shared(kind),
      ...(kind.guarded === true && {
        doorkeeper: new UnknownKeyLimiter({ clock, perSecond: cache.lookupsPerSecond, max: kind.max }),
      }),
      ...(kind.stale !== undefined && { staleOn: kind.stale.on }),
      onFound: (via) => events.found(kind.kind, via),
      onRefused: () => events.lookupRefused(),
      onGone: (name) => void this.#tellForget(kind.kind, name),
    });
    this.#stores.set(kind.kind, store);
    return {
      from: ({ of, lookup, textOf, learntFrom }) =>
        store.from({
          lookup,
          nameOf: (key) => this.#digests.name(kind.kind, of, textOf(key)),
          marks: learntFrom.map((text) => this.#digests.mark(text)),
        }),
    };
  }

  /** Invalidates these kinds in this process only. */
  flush(kinds: readonly LookupKind[]): void {
    for (const kind of kinds) this.#stores.get(kind)?.flush();
  }

  /** Creates the counter of rate limits: shared by all replicas with Redis, else for this process only. */
  counter(): Counter {
    const { clock, events, config } = this.#options;
    if (this.#redis === undefined) return new LocalCounter(clock);
    return new RedisCounter({
      client: this.#redis.commands,
      places: this.#places,
      gate: this.#redis.link.gate,
      clock,
      timeout: config.redis.commandTimeout,
      onFailed: (cause) => events.redisFailed(cause),
    });
  }

  /** Invalidates these kinds in this process, in Redis and in all live replicas. Never rejects. */
  invalidate(kinds: readonly LookupKind[], reason: InvalidationReason): Promise<InvalidationResult> {
    return this.#invalidator.invalidate(kinds, reason);
  }

  /** Does the same for one fact of one CMS; `text` is what `textOf` returns for its key. */
  forget(kind: LookupKind, of: string, text: string): Promise<InvalidationResult> {
    const name = this.#digests.name(kind, of, text);
    this.#stores.get(kind)?.drop(name);
    return this.#tellForget(kind, name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#invalidator.close();
    await this.#redis?.link.close();
  }

  #connect(): { commands: RedisClient; link: InvalidationBus } {
    const { config, clock, events } = this.#options;
    const onFailed = (cause: unknown) => events.redisFailed(cause);
    const commands = openRedis(config.redis, onFailed);
    const link: InvalidationBus = new InvalidationBus({
      commands,
      subscriber: openRedis(config.redis, onFailed),
      places: this.#places,
      clock,
      commandTimeout: config.redis.commandTimeout,
      ackTimeout: config.redis.ackTimeout,
      onFlush: (kinds) => this.flush(kinds),
      onForget: (kind, name) => this.#stores.get(kind)?.drop(name),
      onChange: () => this.#tellState(),
      onFailed,
    });
    return { commands, link };
  }

  #memory<T extends object>(kind: NamespaceOptions<T>): MemoryTier<Tagged<T>> {
    const { cache } = this.#options.config;
    const link = this.#redis?.link;
    return new MemoryTier<Tagged<T>>({
      clock: this.#options.clock,
      ttl: kind.ttl,
      absentTtl: cache.absentTtl,
      jitter: cache.jitter,
      grace: kind.stale?.grace ?? 0,
      max: kind.max,
      maxAbsent: cache.absent,
      bytes: cache.bytes,
      longestLife: () => (link === undefined || link.hears ? Infinity : cache.cutOffTtl),
      random: Math.random,
    });
  }

  #shared<T extends object>(options: NamespaceOptions<T>): RedisTier<Tagged<T>> | undefined {
    if (this.#redis === undefined || !this.sharesFacts) return undefined;
    const { kind, parse, ttl, guarded } = options;
    const { wallTime, events, clock, config } = this.#options;
    return new RedisTier<Tagged<T>>({
      kind,
      client: this.#redis.commands,
      places: this.#places,
      gate: this.#redis.link.gate,
      digests: this.#digests,
      clock,
      timeout: config.redis.commandTimeout,
      parse: (value) => parseTagged(value, parse),
      wallTime,
      ttl,
      knownFor: guarded === true ? KNOWN_MS : 0,
      onFailed: (cause) => events.redisFailed(cause),
    });
  }

  /**
   * Removes the record and publishes the invalidation, twice if there are other replicas. Before its first
   * ack, a replica may still write the record from an earlier lookup, and another may read it.
   */
  async #tellForget(kind: LookupKind, name: string): Promise<InvalidationResult> {
    const link = this.#redis?.link;
    if (link === undefined) return { peers: 0, acknowledged: 0, complete: true };
    // Without a shared secret, names differ per replica: the others have to invalidate the kind.
    if (!this.sharesFacts) return this.invalidate([kind], "purge");
    const tell = () =>
      link.tell({ type: "forget", kind, name, distrust: false }, [this.#places.record(kind, name)]);
    const first = await tell();
    return first.complete && first.peers > 0 ? tell() : first;
  }

  #tellState(): void {
    const state = this.#isClosed ? undefined : this.redisState;
    if (state !== undefined) this.#options.events.redis(state);
  }
}
