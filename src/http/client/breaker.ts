import type { Clock } from "../../core/clock.ts";

/** When a breaker opens and how it finds back. Times in milliseconds. */
export interface BreakerOptions {
  /** Failures in a row, with no answer between them, after which it opens. */
  readonly failures: number;
  /** While it is open, one request in this time is let through, whatever became of those before. */
  readonly retryAfter: number;
  readonly clock: Clock;
}

/** How one attempt failed: when it began, and whether it ran out of time (or was cut off at once). */
export interface FailureKind {
  readonly begun: number;
  readonly slow: boolean;
}

/**
 * Stops asking a CMS that does not answer, so that callers hear so at once and the CMS can get up. Counts transport
 * alone: an answer of any status is a sign of life, since Payload answers 500 to many mistakes of clients.
 */
export interface Breaker {
  readonly isOpen: boolean;
  /** True where a request may be sent now. While open that is the trial, which the caller then has to send. */
  admits(): boolean;
  /** The CMS has answered, whatever it said: closes. */
  answered(): void;
  failed(failure: FailureKind): void;
}

/** A closed breaker. */
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
      // By the clock, not by the last trial's end: one that hangs must not put off the next.
      nextTrial = now + retryAfter;
      return true;
    },
    answered() {
      lastAnswer = clock.now();
      inARow = 0;
      nextTrial = undefined;
    },
    failed({ begun, slow }) {
      // Somebody who asked later has been answered: what hung or broke before that says nothing of now.
      if (begun < lastAnswer) return;
      // One blow (a restart, a cut cable) ends every connection under way: that is one failure, not fifty.
      if (!slow && begun < lastFailure) return;
      lastFailure = clock.now();
      inARow += 1;
      if (inARow >= failures) nextTrial ??= lastFailure + retryAfter;
    },
  };
}
