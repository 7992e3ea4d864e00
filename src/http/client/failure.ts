import { GatewayError } from "../../core/errors.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";

const TIMEOUTS: ReadonlySet<string> = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);

/**
 * The codes of a kept-alive connection that the CMS closed just as it was reused, before any byte of an
 * answer.
 */
const STALE_CONNECTION: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

/**
 * Converts a transport failure to a catalogue error. A timeout is `upstream.timeout`. All others (refused,
 * reset, DNS, TLS, an answer that breaks off or is not HTTP) are `upstream.unreachable`. If the request's own
 * signal aborted, the error is the signal's reason.
 */
export function toTransportError(error: unknown, signal: Cancellation): GatewayError {
  if (error instanceof GatewayError) return error;
  if (signal.aborted && signal.reason instanceof GatewayError) return signal.reason;
  return new GatewayError(isTimeout(error) ? "upstream.timeout" : "upstream.unreachable", {
    cause: error,
  });
}

/** The errors for an answer that the CMS gave and the gateway discarded. */
const DISCARDED: ReadonlySet<string> = new Set(["upstream.failed", "key.busy", "answer.unsent"]);

/** Returns true if the CMS did answer, although the gateway discarded the answer. */
export function isAnswered(error: unknown): boolean {
  return error instanceof GatewayError && DISCARDED.has(error.code);
}

/** Returns true if the CMS did not answer in time, as opposed to a broken connection. */
export function isTimeout(error: unknown): boolean {
  if (error instanceof GatewayError) return error.code === "upstream.timeout";
  return TIMEOUTS.has(codeOf(error));
}

/** Returns true if a retry is safe and likely to succeed (RFC 9110 section 9.2.2). */
export function isRetryable(error: unknown, method: string): boolean {
  return method === "GET" && STALE_CONNECTION.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
