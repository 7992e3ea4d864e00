import type { Clock } from "../core/clock.ts";

/** After a failed command of a request: 1 s at first, doubled with each further one, 10 s at the most. */
const FIRST_MS = 1_000;
const LONGEST_MS = 10_000;

/**
 * Whether requests use Redis at the moment: the circuit breaker, and the rule that nothing in Redis is believed that
 * was there before this process lost sight of it. Starts shut. The trial that opens it is the background's, not a
 * request's.
 */
export class RedisBreaker {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #isOpen = false;
  #isTripped = false;
  #turn = 0;
  #wait = 0;
  #shutUntil = -Infinity;
  #failedAt = -Infinity;

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True where a request may put a question to Redis. While the gate is shut, only what no removal makes wrong counts. */
  get mayAsk(): boolean {
    return !this.#isTripped;
  }

  /** Changes with every shutting: what was begun in another turn says nothing of this one. */
  get turn(): number {
    return this.#turn;
  }

  /** True where the background may try to open it. */
  get mayTry(): boolean {
    return !this.#isOpen && this.#clock.now() >= this.#shutUntil;
  }

  /** Opens, unless it was shut again since `turn`. */
  open(turn: number): void {
    if (turn !== this.#turn || this.#isOpen) return;
    this.#isOpen = true;
    this.#isTripped = false;
    this.#onChange();
  }

  /** Shuts until the background finds Redis well. */
  shut(): void {
    this.#turn += 1;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onChange();
  }

  /** Shuts because a request had to wait in vain; the next trial is the later the more often that has happened of late. */
  trip(): void {
    const now = this.#clock.now();
    // The others that were waiting for the same dead Redis count as one.
    if (!this.#isTripped) {
      this.#isTripped = true;
      this.#wait = now - this.#failedAt > 3 * LONGEST_MS ? FIRST_MS : Math.min(LONGEST_MS, this.#wait * 2);
      this.#failedAt = now;
      this.#shutUntil = now + this.#wait;
    }
    this.shut();
  }
}
