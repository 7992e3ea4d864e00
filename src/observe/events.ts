import type { RateBucket, RateOutcome } from "../core/rate.ts";
import type { RecordId } from "../core/context.ts";
import type { ErrorCode, GatewayError } from "../core/errors.ts";
import type { Breach, UnreadableRecords, WithheldValues } from "../core/foreign.ts";
import type { AccessLogFields } from "../core/access-log.ts";

/** A finished partner request. Milliseconds. */
export interface RequestSample {
  readonly requestId: string;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
  readonly note: AccessLogFields;
}

/** A request that was answered outside the pipeline; `method` is empty where none could be read. */
export interface NativeRefusalEvent {
  readonly requestId: string;
  readonly method: string;
  readonly error: GatewayError;
}

/** Who would have been refused, why and where; what is undefined is not known. Texts but the reason are of closed sets. */
export interface IsolationEvent {
  readonly requestId: string;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly userId: RecordId | undefined;
  /** The tenants of which that user is a member. */
  readonly tenants: readonly RecordId[] | "all" | undefined;
  readonly method: string;
  /** One of `native.prefixes`. */
  readonly prefix: string;
  /** One of `partners.collections`. */
  readonly collection: string | undefined;
}

/** Everything that the gateway tells of itself: log, metrics and status page each make of it what they need. */
export interface Events {
  /** A partner request has been answered. */
  request(sample: RequestSample): void;
  /** A request outside the pipeline has been refused. */
  refused(refusal: NativeRefusalEvent): void;
  /** A native request is over, with the status that its client got: 0, none; 101, a WebSocket. */
  native(status: number): void;
  /** A request was counted for the rate limit, or could not be. */
  counted(bucket: RateBucket, outcome: RateOutcome): void;
  /** An answer held records outside the scope, although the CMS was asked in scope. */
  isolation(breach: Breach): void;
  /** A list went out without records that the CMS cannot read. */
  unreadable(records: UnreadableRecords): void;
  /** An answer held values that do not prove to be in scope. */
  withheld(values: WithheldValues): void;
  /** A native request was let through that would be refused but for an observing setting. */
  observed(sighting: IsolationEvent): void;
  /** An invalidation has reached all replicas, or not all of them in time. */
  invalidation(outcome: "complete" | "degraded", seconds: number): void;
  /** A key that nobody knows was not looked up. The error is told with its request. */
  lookupRefused(): void;
  /** A configuration has been read again. */
  reloaded(outcome: "applied" | "refused"): void;
}

/** Tells all of `listeners`, each of what it listens to. */
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
