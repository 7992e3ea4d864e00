import type { ErrorCode } from "./errors.ts";
import { valuesOf, type RawHeaders } from "./headers.ts";
import type { AccessLogFields } from "./access-log.ts";
import type { RequestTarget } from "./path.ts";

/** Where in a trace something happens: ids in lower-case hexadecimal, as W3C Trace Context has them. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** What a trace tells of a partner request. */
export interface TracedRequest {
  readonly requestId: string;
  readonly method: string;
  readonly httpVersion: string;
  readonly headers: RawHeaders;
  readonly target: RequestTarget;
  readonly note: AccessLogFields;
}

/** Tells of partner requests as traces. Absent where nobody wants them. */
export interface Tracer {
  /** A partner request has come; continues the client's trace, where it has sent one. */
  begin(request: TracedRequest): RequestSpan;
}

/** A partner request under way. */
export interface RequestSpan {
  readonly traceId: string;
  /** A request to the CMS is sent for it. */
  ask(outgoing: { readonly method: string; readonly target: string }): LookupSpan;
  /** It is answered with `status`. */
  end(status: number): void;
}

/** A request to the CMS under way. */
export interface LookupSpan {
  /** Where it happens, for the CMS to go on from. */
  readonly context: TraceContext;
  /** The status of the CMS's answer, or why there is none. */
  end(outcome: { readonly status: number } | { readonly code: ErrorCode }): void;
}

/** Version 00 (W3C Trace Context, 3.2.2). A later one may only add to it, and what it adds we do not pass on. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** The place in a trace that a client says it calls from; `undefined` for none, two, or one that is malformed. */
export function readTraceparent(headers: RawHeaders): TraceContext | undefined {
  const [value, another] = valuesOf(headers, "traceparent");
  if (value === undefined || another !== undefined) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(value) ?? [];
  if (!/[^0]/.test(traceId) || !/[^0]/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The header that hands a trace on: built from its parts, never a client's text. */
export function traceparentOf({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}
