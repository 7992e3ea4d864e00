import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";

/**
 * Bounds what strangers cost the CMS: a name that was good once is always let through to be looked up, all others
 * share a token bucket. Holds names only, no facts, and so survives invalidations.
 */
export class UnknownKeyLimiter {
  readonly #acquainted: LRUCache<string, true>;
  readonly #clock: Clock;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  /** `perSecond` is also the size of the bucket; `max` how many names are known as good. */
  constructor(options: { readonly clock: Clock; readonly perSecond: number; readonly max: number }) {
    this.#acquainted = new LRUCache({ max: options.max });
    this.#clock = options.clock;
    this.#perSecond = options.perSecond;
    this.#tokens = options.perSecond;
    this.#filledAt = options.clock.now();
  }

  /** True where the name was good the last time. */
  knows(name: string): boolean {
    return this.#acquainted.get(name) === true;
  }

  /** True where the name may be looked up now; takes a token for a stranger. */
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

  /** Remembers how a lookup ended. */
  learn(name: string, isGood: boolean): void {
    if (isGood) this.#acquainted.set(name, true);
    else this.#acquainted.delete(name);
  }
}
