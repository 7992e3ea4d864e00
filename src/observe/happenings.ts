import type { GatewayError } from "../core/errors.ts";
import type { RateBucket, RateOutcome } from "../core/rate.ts";
import type { Note } from "../core/note.ts";

/** A finished partner request. Milliseconds. */
export interface RequestSample {
  readonly requestId: string;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
  readonly note: Note;
}

/** A request that was answered outside the pipeline; `method` is empty where none could be read. */
export interface Refusal {
  readonly requestId: string;
  readonly method: string;
  readonly error: GatewayError;
}

/** Everything that the gateway tells of itself: log, metrics and status page each make of it what they need. */
export interface Happenings {
  /** A partner request has been answered. */
  request(sample: RequestSample): void;
  /** A request outside the pipeline has been refused. */
  refused(refusal: Refusal): void;
  /** A native request is over, with the status that its client got: 0, none; 101, a WebSocket. */
  native(status: number): void;
  /** A request was counted for the rate limit, or could not be. */
  counted(bucket: RateBucket, outcome: RateOutcome): void;
  /** An answer held a record outside the scope. */
  isolation(action: "replaced" | "refused", collection: string): void;
  /** An invalidation has reached all replicas, or not all of them in time. */
  invalidation(outcome: "complete" | "degraded", seconds: number): void;
  /** A key that nobody knows was not looked up. */
  lookupRefused(): void;
}

/** Tells all of `listeners`, each of what it listens to. */
export function tellAll(listeners: readonly Partial<Happenings>[]): Happenings {
  return {
    request: (sample) => listeners.forEach((listener) => listener.request?.(sample)),
    refused: (refusal) => listeners.forEach((listener) => listener.refused?.(refusal)),
    native: (status) => listeners.forEach((listener) => listener.native?.(status)),
    counted: (bucket, outcome) => listeners.forEach((listener) => listener.counted?.(bucket, outcome)),
    isolation: (action, collection) =>
      listeners.forEach((listener) => listener.isolation?.(action, collection)),
    invalidation: (outcome, seconds) =>
      listeners.forEach((listener) => listener.invalidation?.(outcome, seconds)),
    lookupRefused: () => listeners.forEach((listener) => listener.lookupRefused?.()),
  };
}
