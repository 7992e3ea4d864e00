import { GatewayError } from "../../core/errors.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";

const TIMEOUTS: ReadonlySet<string> = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);

/** A kept-alive connection that the CMS closes just as it is reused fails like this, before any byte of an answer. */
const STALE_CONNECTION: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

/**
 * A transport's failure as an error of the catalogue: too slow is `upstream.timeout`, all else (refused, reset, DNS,
 * TLS, an answer that breaks off or is no HTTP) `upstream.unreachable`. A request whose own signal aborted fails as
 * the signal says.
 */
export function toTransportError(error: unknown, signal: Cancellation): GatewayError {
  if (error instanceof GatewayError) return error;
  if (signal.aborted && signal.reason instanceof GatewayError) return signal.reason;
  return new GatewayError(isTimeout(error) ? "upstream.timeout" : "upstream.unreachable", {
    cause: error,
  });
}

/** What an answer is given up with that the CMS gave. */
const TOO_MUCH: ReadonlySet<string> = new Set(["upstream.failed", "key.busy", "answer.unsent"]);

/** True where the CMS did answer, though with more than can be taken in. */
export function isAnswered(error: unknown): boolean {
  return error instanceof GatewayError && TOO_MUCH.has(error.code);
}

/** True where the CMS was given its time and did not answer in it, not where something broke. */
export function isTimeout(error: unknown): boolean {
  if (error instanceof GatewayError) return error.code === "upstream.timeout";
  return TIMEOUTS.has(codeOf(error));
}

/** True where sending the request again can do no harm and is likely to help (RFC 9110 section 9.2.2). */
export function isWorthRepeating(error: unknown, method: string): boolean {
  return method === "GET" && STALE_CONNECTION.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
