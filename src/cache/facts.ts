import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";
import { GatewayError } from "../core/errors.ts";
import type { Asking, Facts, Found } from "../core/ports.ts";

/** How a kind of fact is looked up and for how long it holds. Times in milliseconds. */
export interface FactsOptions<K, T> {
  /** Asks the CMS. Its rejection is passed to everybody who waits and is not remembered. */
  readonly lookup: (key: K, asking: Asking) => Promise<T | undefined>;
  /** What a fact is remembered under: a digest where the key is a secret. */
  readonly nameOf: (key: K) => string;
  readonly clock: Clock;
  readonly ttl: number;
  readonly absentTtl: number;
  /** Entries at the most: of facts, and of known absences, which cannot push facts out. */
  readonly max: number;
  readonly maxAbsent: number;
}

/**
 * The in-process cache: facts and known absences with an absolute expiry, one lookup under way per key, failures never
 * remembered. A lookup that was under way when its key was forgotten is not stored: what it found may be what has
 * just been withdrawn.
 */
export function createFacts<K, T extends object>(options: FactsOptions<K, T>): Facts<K, T> {
  const { lookup, nameOf, clock } = options;
  const perf = { now: () => clock.now() };
  const present = new LRUCache<string, T>({ max: options.max, ttl: options.ttl, ttlResolution: 0, perf });
  const absent = new LRUCache<string, true>({
    max: options.maxAbsent,
    ttl: options.absentTtl,
    ttlResolution: 0,
    perf,
  });
  const underWay = new Map<string, Promise<T | undefined>>();

  const ask = (name: string, key: K, asking: Asking): Promise<T | undefined> => {
    // The question belongs to everybody who waits for it, so the first one's leaving must not end it.
    const shared = lookup(key, { ...asking, signal: NEVER }).then((value) => {
      if (underWay.get(name) !== shared) return value;
      underWay.delete(name);
      if (value === undefined) absent.set(name, true);
      else present.set(name, value);
      return value;
    });
    underWay.set(name, shared);
    shared.catch(() => {
      if (underWay.get(name) === shared) underWay.delete(name);
    });
    return shared;
  };

  return {
    find(key, asking): Promise<Found<T>> {
      const name = nameOf(key);
      const known = present.get(name);
      if (known !== undefined) return Promise.resolve({ value: known, via: "memory" });
      if (absent.get(name) !== undefined) return Promise.resolve({ value: undefined, via: "memory" });
      const joined = underWay.get(name);
      const answer = joined ?? ask(name, key, asking);
      const via = joined === undefined ? "cms" : "joined";
      return settleWith(answer, asking.signal).then((value) => ({ value, via }));
    },
    forget(key): void {
      const name = nameOf(key);
      present.delete(name);
      absent.delete(name);
      underWay.delete(name);
    },
  };
}

const NEVER = new AbortController().signal;

/** `promise`, unless `signal` aborts before: then its reason. Leaves no listener behind. */
function settleWith<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () =>
      reject(signal.reason instanceof Error ? signal.reason : new GatewayError("gateway.fault"));
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
