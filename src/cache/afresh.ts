import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";

/** How long after it has come an answer counts for all who ask the same, in milliseconds. */
const LONG_ENOUGH_MS = 5_000;

/** So many answers are kept, for that time. */
const MOST = 1_000;

interface Asked<T> {
  readonly answer: Promise<T>;
  /** Until when it counts: without an end while the question is under way. */
  until: number;
}

/**
 * Questions to be put again although their answers are remembered. Of one name one is under way, and its answer is good
 * enough for a while: whoever is refused by the CMS again and again would else have it asked each time.
 */
export class Afresh<T> {
  readonly #clock: Clock;
  readonly #asked = new LRUCache<string, Asked<T>>({ max: MOST });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `question` resolves with, or the last one of that name did. One that fails is not kept. */
  ask(name: string, question: () => Promise<T>): Promise<T> {
    const last = this.#asked.get(name);
    if (last !== undefined && this.#clock.now() < last.until) return last.answer;
    const asked: Asked<T> = { answer: question(), until: Infinity };
    this.#asked.set(name, asked);
    const end = (ms: number) => () => void (asked.until = this.#clock.now() + ms);
    asked.answer.then(end(LONG_ENOUGH_MS), end(0));
    return asked.answer;
  }

  /** Keeps no answer any longer. */
  flush(): void {
    this.#asked.clear();
  }
}
