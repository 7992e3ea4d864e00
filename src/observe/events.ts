import type { RateBucket, RateOutcome } from "../core/rate.ts";
import type { RecordId } from "../core/context.ts";
import type { ErrorCode, GatewayError } from "../core/errors.ts";
import type { Breach, UnreadableRecords, WithheldValues } from "../core/foreign.ts";
import type { AccessLogFields } from "../core/access-log.ts";

/** A finished partner request. Times in milliseconds. */
export interface RequestSample {
  readonly requestId: string;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
  readonly note: AccessLogFields;
}

/** A request that was answered outside the pipeline. `method` is empty if no method could be read. */
export interface NativeRefusalEvent {
  readonly requestId: string;
  readonly method: string;
  /** `server`: refused before the pipeline and the native proxy; `native`: refused or failed in the native proxy. */
  readonly stage: "server" | "native";
  readonly error: GatewayError;
}

/**
 * A request that would have been refused: the user, the reason and the place. `undefined` means unknown. All
 * texts except the reason come from closed sets.
 */
export interface IsolationEvent {
  readonly requestId: string;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly userId: RecordId | undefined;
  /** The tenants that the user is a member of. */
  readonly tenants: readonly RecordId[] | "all" | undefined;
  readonly method: string;
  /** An entry of `native.prefixes`. */
  readonly prefix: string;
  /** An entry of `partners.collections`. */
  readonly collection: string | undefined;
}

/**
 * The events that the gateway emits. The log, the metrics and the status page each use the ones they need.
 */
export interface Events {
  /** A partner request was answered. */
  request(sample: RequestSample): void;
  /** A request outside the pipeline was refused. */
  refused(refusal: NativeRefusalEvent): void;
  /** A native request ended. `status` is the one that its client received: 0 is none, 101 is a WebSocket. */
  native(status: number): void;
  /** A request was counted for the rate limit, or could not be counted. */
  counted(bucket: RateBucket, outcome: RateOutcome): void;
  /** An answer held records outside the scope, although the request to the CMS was in scope. */
  isolation(breach: Breach): void;
  /** A list was returned without records that the CMS cannot read. */
  unreadable(records: UnreadableRecords): void;
  /** An answer held values that are not provably in scope. */
  withheld(values: WithheldValues): void;
  /** A native request passed that would be refused but for an observing setting. */
  observed(sighting: IsolationEvent): void;
  /** An invalidation reached all replicas (`complete`), or not all of them in time (`degraded`). */
  invalidation(outcome: "complete" | "degraded", seconds: number): void;
  /** A lookup of an unknown key was refused. The request's own event has the error. */
  lookupRefused(): void;
  /** A configuration was reloaded. */
  reloaded(outcome: "applied" | "refused"): void;
}

/** Combines `listeners` into one. Each listener receives the events that it implements. */
export function combineEvents(listeners: readonly Partial<Events>[]): Events {
  return {
    request: (sample) => listeners.forEach((listener) => listener.request?.(sample)),
    refused: (refusal) => listeners.forEach((listener) => listener.refused?.(refusal)),
    native: (status) => listeners.forEach((listener) => listener.native?.(status)),
    counted: (bucket, outcome) => listeners.forEach((listener) => listener.counted?.(bucket, outcome)),
    isolation: (breach) => listeners.forEach((listener) => listener.isolation?.(breach)),
    unreadable: (records) => listeners.forEach((listener) => listener.unreadable?.(records)),
    withheld: (values) => listeners.forEach((listener) => listener.withheld?.(values)),
    observed: (sighting) => listeners.forEach((listener) => listener.observed?.(sighting)),
    invalidation: (outcome, seconds) =>
      listeners.forEach((listener) => listener.invalidation?.(outcome, seconds)),
    reloaded: (outcome) => listeners.forEach((listener) => listener.reloaded?.(outcome)),
    lookupRefused: () => listeners.forEach((listener) => listener.lookupRefused?.()),
  };
}
