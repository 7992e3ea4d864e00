import type { Clock } from "../core/clock.ts";

/** The pause after a failed command of a request: 1 s, doubled with each further failure, at most 10 s. */
const FIRST_MS = 1_000;
const LONGEST_MS = 10_000;

/**
 * The gate that decides whether requests use Redis. Unlike in the usual naming of circuit breakers, "open"
 * means in use. It is also shut after a lost connection: records written before that are not trusted. It
 * starts shut. A background task opens it, never a request.
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

  /**
   * True if a request may read from Redis. While the gate is shut, it may use only data that no invalidation
   * can make wrong: whether a key was valid once.
   */
  get mayAsk(): boolean {
    return !this.#isTripped;
  }

  /**
   * The number of times the gate was shut. A reply is discarded if the number changed while it was pending.
   */
  get turn(): number {
    return this.#turn;
  }

  /** True if the background task may try to open the gate. */
  get mayTry(): boolean {
    return !this.#isOpen && this.#clock.now() >= this.#shutUntil;
  }

  /** Opens the gate, unless it was shut again since `turn`. */
  open(turn: number): void {
    if (turn !== this.#turn || this.#isOpen) return;
    this.#isOpen = true;
    this.#isTripped = false;
    this.#onChange();
  }

  /** Shuts the gate until the background task finds Redis healthy. */
  shut(): void {
    this.#turn += 1;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onChange();
  }

  /**
   * Shuts the gate after a failed command of a request. Recent failures lengthen the pause before the next
   * trial.
   */
  trip(): void {
    const now = this.#clock.now();
    // Concurrent requests that fail on the same outage count as one failure.
    if (!this.#isTripped) {
      this.#isTripped = true;
      this.#wait = now - this.#failedAt > 3 * LONGEST_MS ? FIRST_MS : Math.min(LONGEST_MS, this.#wait * 2);
      this.#failedAt = now;
      this.#shutUntil = now + this.#wait;
    }
    this.shut();
  }
}
