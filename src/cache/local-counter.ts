import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";
import type { Counted, Counter, RateLimit } from "../core/rate.ts";

/**
 * The largest number of names kept. The count of the least recently used name is dropped and starts again at
 * 0.
 */
const MOST_NAMES = 20_000;

/** A sliding-window counter in this process. It is exact, and each replica counts separately. */
export class LocalCounter implements Counter {
  readonly #clock: Clock;
  /** The times of the requests admitted under each name, oldest first. */
  readonly #passed = new LRUCache<string, number[]>({ max: MOST_NAMES });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  count(name: string, { limit, window }: RateLimit): Promise<Counted> {
    const now = this.#clock.now();
    const times = this.#passed.get(name) ?? [];
    const alive = times.findIndex((time) => time > now - window);
    times.splice(0, alive === -1 ? times.length : alive);
    const isWithin = times.length < limit;
    if (isWithin) times.push(now);
    this.#passed.set(name, times);
    // After the limit was lowered, the window may hold more requests than it allows. The next one is admitted
    // when enough of them have left the window.
    const edge = times[Math.max(0, times.length - limit)] ?? now;
    const remaining = Math.max(0, limit - times.length);
    return Promise.resolve({ isWithin, remaining, wait: edge + window - now });
  }
}
