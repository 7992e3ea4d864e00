import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";

/** Times in milliseconds. */
export interface MemoryOptions {
  readonly clock: Clock;
  readonly ttl: number;
  readonly absentTtl: number;
  /** The share of a life, 0 to 1, that is cut off at random, so that what was learnt together does not expire together. */
  readonly jitter: number;
  /** How long after its life a fact may be used where the CMS cannot be asked. */
  readonly grace: number;
  /** Entries at the most: of facts, and of known absences, which cannot push facts out. */
  readonly max: number;
  readonly maxAbsent: number;
  /** Bytes at the most that the facts take, roughly. */
  readonly bytes: number;
  /** The longest life that counts at this moment: short while invalidations could pass this replica by. */
  readonly longestLife: () => number;
  /** 0 to 1. */
  readonly random: () => number;
}

interface Entry<T> {
  readonly value: T;
  readonly born: number;
  readonly expires: number;
  /** Until when it may be used as stale without the CMS being asked again. */
  staleUntil: number;
}

/** That there is no such fact, by the word of whom the marks stand for (`Source.marks`). */
export interface Absence {
  readonly marks: readonly string[];
}

/** What memory says of a name: a fact, that there is none, or nothing. */
export type Remembered<T> = { readonly value: T } | Absence | undefined;

interface Life {
  /** When what is remembered was true. */
  readonly born: number;
  /** How long it may be remembered, in milliseconds; an absence is for `absentTtl` at the most. */
  readonly life: number;
}

/** How long the CMS is left alone after it could not be asked for a fact that may be served stale. */
const LEAVE_ALONE_MS = 1_000;

/** What an entry takes besides its name and its value's text, roughly. */
const ENTRY_BYTES = 200;

/** The first tier: facts and known absences of one kind in this process, bounded in number and in bytes. */
export class Memory<T extends object> {
  readonly #options: MemoryOptions;
  readonly #facts: LRUCache<string, Entry<T>>;
  readonly #absences: LRUCache<string, Absence & Pick<Life, "born">>;

  constructor(options: MemoryOptions) {
    this.#options = options;
    this.#facts = new LRUCache({
      max: options.max,
      maxSize: options.bytes,
      sizeCalculation: ({ value }, name) => ENTRY_BYTES + 2 * (name.length + JSON.stringify(value).length),
    });
    this.#absences = new LRUCache({ max: options.maxAbsent });
  }

  /** The fact of that name, while it lives. */
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
   * A fact past its life but within its grace, for when the CMS cannot be asked. With `settled`, only while the CMS is
   * left alone. None while invalidations may pass by: what was withdrawn would live on for as long as both are broken.
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

  /** Remembers a fact. */
  store(name: string, value: T, { born, life }: Life): void {
    this.#absences.delete(name);
    this.#facts.set(name, { value, born, expires: born + life, staleUntil: 0 });
  }

  /** Remembers that there is none. */
  storeAbsence(name: string, { marks, born }: Absence & Pick<Life, "born">): void {
    this.#facts.delete(name);
    this.#absences.set(name, { marks, born });
  }

  /** A whole life less its jitter. */
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
