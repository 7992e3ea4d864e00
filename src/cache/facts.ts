import type { Clock } from "../core/clock.ts";
import { GatewayError, type ErrorCode } from "../core/errors.ts";
import type { Via } from "../core/note.ts";
import type { Asking, Facts, Found } from "../core/ports.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import type { Memory } from "./memory.ts";
import type { Shared } from "./shared.ts";

/** One kind of fact: how it is looked up, and the tiers before the lookup. */
export interface FactsOptions<K, T extends object> {
  /** Asks the CMS. Its rejection is passed to everybody who waits and is not remembered. */
  readonly lookup: (key: K, asking: Asking) => Promise<T | undefined>;
  /** What a fact is remembered under: a digest. */
  readonly nameOf: (key: K) => string;
  readonly clock: Clock;
  readonly memory: Memory<T>;
  readonly shared: Shared<T> | undefined;
  readonly doorkeeper?: Doorkeeper;
  /** The error on which a stale fact is better than none. */
  readonly staleOn?: ErrorCode;
  /** Told of each answer, and of each lookup that the doorkeeper refused. */
  readonly onFound: (via: Via) => void;
  readonly onRefused: () => void;
  /** Tells the other tiers and replicas to forget one name. */
  readonly onForget: (name: string) => void;
}

/** Facts that can be made to forget. */
export interface StoredFacts<K, T> extends Facts<K, T> {
  /** Forgets everything; what lookups under way will find is not remembered. */
  flush(): void;
  /** The same for one name. Only this process's memory. */
  drop(name: string): void;
}

/**
 * A lookup behind two tiers, memory then Redis, with one lookup under way per name. A lookup that was under way when
 * its name was forgotten is neither stored nor joined from then on: what it finds may be what has just been withdrawn.
 */
export function createFacts<K, T extends object>(options: FactsOptions<K, T>): StoredFacts<K, T> {
  const { memory, nameOf, onFound } = options;
  const underWay = new Map<string, Promise<Found<T>>>();

  const begin = (name: string, key: K, asking: Asking): Promise<Found<T>> => {
    const isCurrent = () => underWay.get(name) === flight;
    const flight: Promise<Found<T>> = answer(options, { name, key, asking, isCurrent }).finally(() => {
      if (isCurrent()) underWay.delete(name);
    });
    underWay.set(name, flight);
    flight.catch(() => undefined);
    return flight;
  };

  const report = (found: Found<T>): Found<T> => {
    onFound(found.via);
    return found;
  };

  return {
    find(key, asking) {
      const name = nameOf(key);
      const known = memory.get(name);
      if (known !== undefined) {
        const value = known === "absent" ? undefined : known.value;
        return Promise.resolve(report({ value, via: "memory" }));
      }
      const joined = underWay.get(name);
      if (joined !== undefined)
        return settleWith(joined, asking.signal).then(({ value }) => report({ value, via: "joined" }));
      const stale = memory.stale(name, true);
      if (stale !== undefined) return Promise.resolve(report({ value: stale, via: "stale" }));
      return settleWith(begin(name, key, asking), asking.signal).then(report);
    },
    forget(key) {
      const name = nameOf(key);
      this.drop(name);
      options.onForget(name);
    },
    drop(name) {
      memory.drop(name);
      underWay.delete(name);
    },
    flush() {
      memory.flush();
      underWay.clear();
    },
  };
}

interface Question<K> {
  readonly name: string;
  readonly key: K;
  readonly asking: Asking;
  /** False once the name was forgotten while this question was under way. */
  readonly isCurrent: () => boolean;
}

/** One question to the second tier and, where that does not know, to the CMS. */
async function answer<K, T extends object>(
  options: FactsOptions<K, T>,
  { name, key, asking, isCurrent }: Question<K>,
): Promise<Found<T>> {
  const { clock, memory, shared, doorkeeper } = options;
  const asked = clock.now();
  const record = await shared?.read(name);
  if (record?.value !== undefined) {
    if (isCurrent()) memory.store(name, record.value, { born: asked, life: record.remaining });
    doorkeeper?.learn(name, true);
    return { value: record.value, via: "redis" };
  }
  if (doorkeeper?.admits(name) === false) {
    options.onRefused();
    throw new GatewayError("key.unverifiable", { cause: "too many unknown keys" });
  }
  // Lives are counted from here: what the CMS says was true no later than when it was asked.
  const born = clock.now();
  const value = await ask(options, { name, key, asking });
  if (value === STALE) return { value: memory.stale(name, false), via: "stale" };
  doorkeeper?.learn(name, value !== undefined);
  if (isCurrent()) {
    const life = memory.life();
    memory.store(name, value, { born, life });
    if (value !== undefined && record !== undefined)
      shared?.write(name, value, { epoch: record.epoch, life: life - (clock.now() - born) });
  }
  return { value, via: "cms" };
}

const STALE = Symbol("stale");

async function ask<K, T extends object>(
  { lookup, staleOn, memory }: FactsOptions<K, T>,
  { name, key, asking }: Omit<Question<K>, "isCurrent">,
): Promise<T | undefined | typeof STALE> {
  try {
    // The question belongs to everybody who waits for it, so the first one's leaving must not end it.
    return await lookup(key, { ...asking, signal: NEVER });
  } catch (error) {
    const isStale = error instanceof GatewayError && error.code === staleOn;
    if (isStale && memory.stale(name, false) !== undefined) return STALE;
    throw error;
  }
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
