/** One that lived for so long had no fault that a new one has as well. */
const LONG_MS = 60_000;
const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** A worker's place, and how often those who took it ended too soon. */
export class Post<Hand extends object> {
  /** Counted from 1. */
  readonly number: number;
  #hand: Hand | undefined;
  #since = 0;
  #failures = 0;

  constructor(number: number) {
    this.number = number;
  }

  /** Who has it. */
  get hand(): Hand | undefined {
    return this.#hand;
  }

  take(hand: Hand, now: number): void {
    this.#hand = hand;
    this.#since = now;
  }

  /**
   * Who had it has ended or is about to. How long to wait before another takes it, in milliseconds: not at all the
   * first time, then half a second and each time twice as long, up to ten seconds. `undefined` where it is not his.
   */
  leave(hand: Hand, now: number): number | undefined {
    if (hand !== this.#hand) return undefined;
    this.#hand = undefined;
    if (now - this.#since >= LONG_MS) this.#failures = 0;
    const wait = this.#failures === 0 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#failures - 1));
    this.#failures += 1;
    return wait;
  }
}
