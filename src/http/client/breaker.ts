import type { Clock } from "../../core/clock.ts";

/** The thresholds of a circuit breaker. Times in milliseconds. */
export interface BreakerOptions {
  /** The number of consecutive failures, with no answer between them, that opens the breaker. */
  readonly failures: number;
  /**
   * The interval at which an open breaker lets one trial request through, whatever the result of earlier
   * ones.
   */
  readonly retryAfter: number;
  readonly clock: Clock;
}

/** A failed attempt: its start, and whether it timed out (`slow`) or broke off. */
export interface FailureKind {
  readonly begun: number;
  readonly slow: boolean;
}

/**
 * A circuit breaker: stops requests to a CMS that does not answer, so that callers fail at once and the CMS
 * can recover. It counts transport failures only. An answer of any status is a success, since Payload answers
 * 500 to many client errors.
 */
export interface Breaker {
  readonly isOpen: boolean;
  /**
   * Returns true if a request may be sent now. While the breaker is open, true means a trial, which the
   * caller must send.
   */
  admits(): boolean;
  /** Records an answer of any status and closes the breaker. */
  answered(): void;
  failed(failure: FailureKind): void;
}

/** Creates a closed breaker. */
export function createBreaker({ failures, retryAfter, clock }: BreakerOptions): Breaker {
  let inARow = 0;
  let lastAnswer = Number.NEGATIVE_INFINITY;
  let lastFailure = Number.NEGATIVE_INFINITY;
  let nextTrial: number | undefined;
  return {
    get isOpen() {
      return nextTrial !== undefined;
    },
    admits() {
      if (nextTrial === undefined) return true;
      const now = clock.now();
      if (now < nextTrial) return false;
      // Timed from now, not from the last trial's end: a trial that hangs must not delay the next one.
      nextTrial = now + retryAfter;
      return true;
    },
    answered() {
      lastAnswer = clock.now();
      inARow = 0;
      nextTrial = undefined;
    },
    failed({ begun, slow }) {
      // A later request has been answered, so this failure says nothing about the present state.
      if (begun < lastAnswer) return;
      // A single incident (a restart, a cut cable) ends every connection in flight. It counts as one failure, not
      // fifty.
      if (!slow && begun < lastFailure) return;
      lastFailure = clock.now();
      inARow += 1;
      if (inARow >= failures) nextTrial ??= lastFailure + retryAfter;
    },
  };
}
