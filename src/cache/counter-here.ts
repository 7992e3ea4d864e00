import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";
import type { Counted, Counter, RateLimit } from "../core/rate.ts";

/** More names than that are not kept: whoever has not come for longest begins anew. */
const MOST_NAMES = 20_000;

/** Counts in this process alone: exact, and by each replica for itself. */
export class CounterHere implements Counter {
  readonly #clock: Clock;
  /** The times at which each name passed, oldest first. */
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
    // Where the limit has been lowered since, more have passed than it says: one more may come when enough of them end.
    const edge = times[Math.max(0, times.length - limit)] ?? now;
    const remaining = Math.max(0, limit - times.length);
    return Promise.resolve({ isWithin, remaining, wait: edge + window - now });
  }
}
