import type { Clock } from "../core/clock.ts";
import { GatewayError, type ErrorCode } from "../core/errors.ts";
import { FOREVER, type Cancellation } from "../core/async/cancellation.ts";
import type { Tier } from "../core/access-log.ts";
import type { LookupContext, CachedLookup, Found } from "../core/ports.ts";
import { RevalidationLimiter } from "./revalidation-limiter.ts";
import type { UnknownKeyLimiter } from "./unknown-key-limiter.ts";
import type { MemoryTier } from "./memory-tier.ts";
import type { RedisTier, RedisRecord } from "./redis-tier.ts";

/** A fact (the CMS's answer about one API key or one tenant), and the marks of its source. */
export interface Tagged<T> {
  readonly fact: T;
  readonly marks: readonly string[];
}

/** The cache tiers in front of the lookups of one kind of fact. */
export interface CachedLookupOptions<T extends object> {
  readonly clock: Clock;
  readonly memory: MemoryTier<Tagged<T>>;
  readonly shared: RedisTier<Tagged<T>> | undefined;
  readonly doorkeeper?: UnknownKeyLimiter;
  /** The lookup error on which a stale fact is served. */
  readonly staleOn?: ErrorCode;
  /** Called on each answer, and on each lookup that the limit on unknown keys refused. */
  readonly onFound: (via: Tier) => void;
  readonly onRefused: () => void;
  /** Called when the CMS no longer has the fact, to invalidate the name in the other processes. */
  readonly onGone: (name: string) => void;
}

/** The source of facts that are not cached. */
export interface Source<K, T> {
  /** Asks the CMS. Every request that shares the lookup gets its rejection, which is not cached. */
  readonly lookup: (key: K, asking: LookupContext) => Promise<T | undefined>;
  /** Returns the cache key of a fact: a digest. */
  readonly nameOf: (key: K) => string;
  /**
   * Digests that identify this source; at least one. A cached fact is valid if it shares one of them. A CMS
   * that gets another target keeps its facts. A name that now means another CMS, or is read with other
   * settings, has none.
   */
  readonly marks: readonly string[];
}

/** All facts of one kind, of every CMS. They survive a reload that replaces a source. */
export interface LookupStore<T> {
  /** The facts of one source. */
  from<K>(source: Source<K, T>): CachedLookup<K, T>;
  /** Drops everything. Lookups in flight do not store their answers. */
  flush(): void;
  /** Does the same for one name. Both methods affect this process only. */
  drop(name: string): void;
}

interface Flight<T> {
  readonly found: Promise<Found<T>>;
  readonly marks: readonly string[];
}

/**
 * Creates a lookup behind two tiers, memory then Redis, with at most one lookup in flight per name. A lookup
 * that is in flight when its name is invalidated is no longer stored or joined: its answer may be the one
 * just withdrawn.
 */
export function createCachedLookup<T extends object>(options: CachedLookupOptions<T>): LookupStore<T> {
  const { clock, memory, onFound } = options;
  const underWay = new Map<string, Flight<T>>();
  const afresh = new RevalidationLimiter<Found<T>>(clock);
  const begin = <K>(how: typeof answer<K, T>, asked: Asked<K, T>): Promise<Found<T>> => {
    const { source, name } = asked;
    const isCurrent = () => underWay.get(name) === flight;
    const found: Promise<Found<T>> = how(options, { ...asked, isCurrent }).finally(() => {
      if (isCurrent()) underWay.delete(name);
    });
    const flight: Flight<T> = { found, marks: source.marks };
    underWay.set(name, flight);
    found.catch(() => undefined);
    return found;
  };

  const report = (found: Found<T>): Found<T> => {
    onFound(found.via);
    return found;
  };

  return {
    from: (source) => ({
      find(key, asking) {
        const name = source.nameOf(key);
        const known = memory.get(name);
        if (known !== undefined && "marks" in known && sharesMark(known, source))
          return Promise.resolve(report({ value: undefined, via: "memory" }));
        const value = factOf(known !== undefined && "value" in known ? known.value : undefined, source);
        if (value !== undefined) return Promise.resolve(report({ value, via: "memory" }));
        const joined = underWay.get(name);
        if (joined !== undefined && sharesMark(joined, source))
          return settleWith(joined.found, asking.signal).then((found) => report({ ...found, via: "joined" }));
        const stale = factOf(memory.stale(name, true), source);
        if (stale !== undefined) return Promise.resolve(report({ value: stale, via: "stale" }));
        return settleWith(begin(answer, { source, name, key, asking }), asking.signal).then(report);
      },
      confirm(key, asking) {
        const name = source.nameOf(key);
        const question = async (): Promise<Found<T>> => {
          const found = report(await begin(learn, { source, name, key, asking }));
          if (found.value === undefined) options.onGone(name);
          return found;
        };
        // After a reload with other settings for the CMS, an answer by the old settings is not reused.
        const asked = JSON.stringify([name, source.marks]);
        return settleWith(afresh.ask(asked, question), asking.signal);
      },
    }),
    drop(name) {
      memory.drop(name);
      underWay.delete(name);
    },
    flush() {
      memory.flush();
      underWay.clear();
      afresh.flush();
    },
  };
}

type Marks = Pick<Source<never, unknown>, "marks">;

function sharesMark(one: Marks, other: Marks): boolean {
  return one.marks.some((mark) => other.marks.includes(mark));
}

/** Returns the fact, if it comes from that source. */
function factOf<T>(marked: Tagged<T> | undefined, source: Marks): T | undefined {
  return marked !== undefined && sharesMark(marked, source) ? marked.fact : undefined;
}

interface Asked<K, T> {
  readonly source: Source<K, T>;
  readonly name: string;
  readonly key: K;
  readonly asking: LookupContext;
}

interface Question<K, T> extends Asked<K, T> {
  /** Returns false once the name was invalidated while this lookup was in flight. */
  readonly isCurrent: () => boolean;
}

/** Asks the second tier and, on a miss, the CMS. */
async function answer<K, T extends object>(
  options: CachedLookupOptions<T>,
  question: Question<K, T>,
): Promise<Found<T>> {
  const { clock, memory, shared, doorkeeper } = options;
  const { name, isCurrent, source } = question;
  const asked = clock.now();
  const record = await shared?.read(name);
  const shareable = factOf(record?.value, source);
  if (record?.isKnown === true) doorkeeper?.learn(name, true);
  if (record?.value !== undefined && shareable !== undefined) {
    if (isCurrent()) memory.store(name, record.value, { born: asked, life: record.remaining });
    return { value: shareable, via: "redis" };
  }
  if (doorkeeper?.admits(name) === false) {
    options.onRefused();
    throw new GatewayError("key.unverifiable", { cause: "too many unknown keys" });
  }
  return learn(options, question, record);
}

/**
 * Asks the CMS and caches its answer, in the second tier too if that tier has given an epoch to write under.
 */
async function learn<K, T extends object>(
  options: CachedLookupOptions<T>,
  question: Question<K, T>,
  { epoch, isKnown = false }: Partial<RedisRecord<unknown>> = {},
): Promise<Found<T>> {
  const { clock, memory, shared, doorkeeper } = options;
  const { name, isCurrent, source } = question;
  // The lifetime starts when the CMS is asked: its answer may already be out of date when it arrives.
  const born = clock.now();
  const found = await ask(options, question);
  if (found.via === "stale") return found;
  const { value: fact } = found;
  doorkeeper?.learn(name, fact !== undefined);
  if (!isCurrent()) return found;
  const { marks } = source;
  if (fact === undefined) {
    memory.storeAbsence(name, { marks, born });
    // The old record would exempt the key from the limit on unknown keys at the next lookup.
    if (isKnown) shared?.remove(name);
    return found;
  }
  const life = memory.life();
  const value = { fact, marks };
  memory.store(name, value, { born, life });
  if (epoch !== undefined) shared?.write(name, value, { epoch, life: life - (clock.now() - born) });
  return found;
}

async function ask<K, T extends object>(
  { staleOn, memory, doorkeeper }: CachedLookupOptions<T>,
  { source, name, key, asking }: Question<K, T>,
): Promise<Found<T>> {
  const isUnknownKey = doorkeeper?.knows(name) === false;
  try {
    // Several requests may share the lookup: it must not end when the first of them is aborted.
    const value = await source.lookup(key, { ...asking, signal: FOREVER, isUnknownKey });
    return { value, via: "cms" };
  } catch (error) {
    const isStale = error instanceof GatewayError && error.code === staleOn;
    const value = isStale ? factOf(memory.stale(name, false), source) : undefined;
    if (value !== undefined) return { value, via: "stale" };
    throw error;
  }
}

/**
 * Settles like `promise`, or rejects with the reason of `signal` if that aborts first. Removes its listener.
 */
function settleWith<T>(promise: Promise<T>, signal: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () =>
      reject(signal.reason instanceof Error ? signal.reason : new GatewayError("gateway.fault"));
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
