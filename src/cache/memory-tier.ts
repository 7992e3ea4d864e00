import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";

/** The limits of `MemoryTier`. Times are in milliseconds. */
export interface MemoryTierOptions {
  readonly clock: Clock;
  readonly ttl: number;
  readonly absentTtl: number;
  /**
   * The largest share of a lifetime (0 to 1) to cut off at random, so that facts do not all expire together.
   */
  readonly jitter: number;
  /** How long after it expires a fact may be served if the CMS does not answer. */
  readonly grace: number;
  /**
   * The largest numbers of facts and of known absences. Absences have their own limit, so they never evict
   * facts.
   */
  readonly max: number;
  readonly maxAbsent: number;
  /** The approximate memory limit of the facts, in bytes. */
  readonly bytes: number;
  /** Returns the longest lifetime allowed now: short while this replica could miss invalidations. */
  readonly longestLife: () => number;
  /** Returns a random number from 0 to 1. */
  readonly random: () => number;
}

interface Entry<T> {
  readonly value: T;
  readonly born: number;
  readonly expires: number;
  /** The time until which the stale fact is served without another lookup. */
  staleUntil: number;
}

/** A known absence: the source with these marks (`Source.marks`) has no such fact. */
export interface Absence {
  readonly marks: readonly string[];
}

/** The result of a read: a fact, a known absence, or a miss. */
export type Remembered<T> = { readonly value: T } | Absence | undefined;

interface Life {
  /** The time at which the CMS was asked. */
  readonly born: number;
  /** The lifetime in milliseconds. The lifetime of an absence is at most `absentTtl`. */
  readonly life: number;
}

/** How long after a failed lookup a stale fact is served without another lookup, in milliseconds. */
const LEAVE_ALONE_MS = 1_000;

/** The approximate overhead of an entry, besides its name and its value's text. */
const ENTRY_BYTES = 200;

/** The first tier: facts and known absences of one kind in this process, bounded in number and in bytes. */
export class MemoryTier<T extends object> {
  readonly #options: MemoryTierOptions;
  readonly #facts: LRUCache<string, Entry<T>>;
  readonly #absences: LRUCache<string, Absence & Pick<Life, "born">>;

  constructor(options: MemoryTierOptions) {
    this.#options = options;
    this.#facts = new LRUCache({
      max: options.max,
      maxSize: options.bytes,
      sizeCalculation: ({ value }, name) => ENTRY_BYTES + 2 * (name.length + JSON.stringify(value).length),
    });
    this.#absences = new LRUCache({ max: options.maxAbsent });
  }

  /** Returns the fact or absence of that name, unless it has expired. */
  get(name: string): Remembered<T> {
    const now = this.#options.clock.now();
    const entry = this.#facts.get(name);
    if (entry !== undefined && now < this.#end(entry)) return entry;
    const absence = this.#absences.get(name);
    if (absence === undefined) return undefined;
    const { absentTtl, longestLife } = this.#options;
    if (now - absence.born < Math.min(absentTtl, longestLife())) return absence;
    this.#absences.delete(name);
    return undefined;
  }

  /**
   * Returns an expired fact within its grace period, for when the CMS does not answer. With `settled`, only
   * during the pause after a failed lookup. Returns nothing while this replica could miss invalidations: a
   * withdrawn fact would otherwise be served for as long as Redis and the CMS are both down.
   */
  stale(name: string, settled: boolean): T | undefined {
    const { clock, grace, longestLife } = this.#options;
    const entry = this.#facts.peek(name);
    const now = clock.now();
    if (entry === undefined || longestLife() !== Infinity || now >= entry.expires + grace) return undefined;
    if (settled && now >= entry.staleUntil) return undefined;
    if (!settled) entry.staleUntil = now + LEAVE_ALONE_MS;
    return entry.value;
  }

  /** Stores a fact. */
  store(name: string, value: T, { born, life }: Life): void {
    this.#absences.delete(name);
    this.#facts.set(name, { value, born, expires: born + life, staleUntil: 0 });
  }

  /** Stores a known absence. */
  storeAbsence(name: string, { marks, born }: Absence & Pick<Life, "born">): void {
    this.#facts.delete(name);
    this.#absences.set(name, { marks, born });
  }

  /** Returns a new lifetime: `ttl` less the jitter. */
  life(): number {
    const { ttl, jitter, random } = this.#options;
    return ttl * (1 - jitter * random());
  }

  drop(name: string): void {
    this.#facts.delete(name);
    this.#absences.delete(name);
  }

  flush(): void {
    this.#facts.clear();
    this.#absences.clear();
  }

  #end({ born, expires }: Entry<T>): number {
    return Math.min(expires, born + this.#options.longestLife());
  }
}
