import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";

/** How long an answer is reused for the same name, from when it arrived, in milliseconds. */
const LONG_ENOUGH_MS = 5_000;

/** The largest number of answers kept. */
const MOST = 1_000;

interface Asked<T> {
  readonly answer: Promise<T>;
  /** The time until which the answer is reused; `Infinity` while the lookup is in flight. */
  until: number;
}

/**
 * Lookups that bypass the cache. At most one lookup per name is in flight, and its answer is reused for a
 * while. Otherwise, a client that the CMS refuses again and again would cause a lookup on each request.
 */
export class RevalidationLimiter<T> {
  readonly #clock: Clock;
  readonly #asked = new LRUCache<string, Asked<T>>({ max: MOST });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `question`, or returns the latest answer for that name. A failed answer is not kept. */
  ask(name: string, question: () => Promise<T>): Promise<T> {
    const last = this.#asked.get(name);
    if (last !== undefined && this.#clock.now() < last.until) return last.answer;
    const asked: Asked<T> = { answer: question(), until: Infinity };
    this.#asked.set(name, asked);
    const end = (ms: number) => () => void (asked.until = this.#clock.now() + ms);
    asked.answer.then(end(LONG_ENOUGH_MS), end(0));
    return asked.answer;
  }

  /** Drops all answers. */
  flush(): void {
    this.#asked.clear();
  }
}
