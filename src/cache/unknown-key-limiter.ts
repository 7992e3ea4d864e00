import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";

/**
 * Limits the CMS lookups that unknown keys cause. A name that was valid at its last lookup is always
 * admitted; all other names share a token bucket. The limiter holds names only, no facts, so invalidations do
 * not clear it.
 */
export class UnknownKeyLimiter {
  readonly #acquainted: LRUCache<string, true>;
  readonly #clock: Clock;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  /**
   * `perSecond` is the refill rate and the size of the bucket; `max` is the largest number of known names.
   */
  constructor(options: { readonly clock: Clock; readonly perSecond: number; readonly max: number }) {
    this.#acquainted = new LRUCache({ max: options.max });
    this.#clock = options.clock;
    this.#perSecond = options.perSecond;
    this.#tokens = options.perSecond;
    this.#filledAt = options.clock.now();
  }

  /** Returns true if the name was valid at its last lookup. */
  knows(name: string): boolean {
    return this.#acquainted.get(name) === true;
  }

  /** Returns true if the name may be looked up now. Takes a token for an unknown name. */
  admits(name: string): boolean {
    if (this.knows(name)) return true;
    const now = this.#clock.now();
    const filled = this.#tokens + ((now - this.#filledAt) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond, filled);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Records the result of a lookup. */
  learn(name: string, isGood: boolean): void {
    if (isGood) this.#acquainted.set(name, true);
    else this.#acquainted.delete(name);
  }
}
