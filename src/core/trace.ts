import type { ErrorCode } from "./errors.ts";
import { valuesOf, type RawHeaders } from "./headers.ts";
import type { AccessLogFields } from "./access-log.ts";
import type { RequestTarget } from "./path.ts";

/** The ids of a span, in lower-case hexadecimal as in W3C Trace Context. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** The data of a partner request for its span. */
export interface TracedRequest {
  readonly requestId: string;
  readonly method: string;
  readonly httpVersion: string;
  readonly headers: RawHeaders;
  readonly target: RequestTarget;
  readonly note: AccessLogFields;
}

/** The tracer of partner requests. Absent if tracing is off. */
export interface Tracer {
  /** Starts the span of a partner request, as a part of the client's trace if the client has sent one. */
  begin(request: TracedRequest): RequestSpan;
}

/** The span of a partner request. */
export interface RequestSpan {
  readonly traceId: string;
  /** Starts the span of a request to the CMS. */
  ask(outgoing: { readonly method: string; readonly target: string }): LookupSpan;
  /** Ends the span with the status of the answer. */
  end(status: number): void;
}

/** The span of a request to the CMS. */
export interface LookupSpan {
  /** The parent context that is sent to the CMS. */
  readonly context: TraceContext;
  /** Ends the span with the status of the CMS's answer, or with the error. */
  end(outcome: { readonly status: number } | { readonly code: ErrorCode }): void;
}

/**
 * Version 00 (W3C Trace Context, 3.2.2). Later versions may only append fields, which the gateway does not
 * forward.
 */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Parses the client's `traceparent`; `undefined` if it is absent, repeated or malformed. */
export function readTraceparent(headers: RawHeaders): TraceContext | undefined {
  const [value, another] = valuesOf(headers, "traceparent");
  if (value === undefined || another !== undefined) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(value) ?? [];
  if (!/[^0]/.test(traceId) || !/[^0]/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Returns the `traceparent` header, built from its parts and never from a client's text. */
export function traceparentOf({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}
