import { CATALOGUE, type ErrorEntry, type GatewayError } from "./errors.ts";

/** A complete answer. Header names are lower-case; `content-length` is the length of `body`. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** The default `Retry-After` of 429 and 503, in seconds. */
const RETRY_AFTER_SECONDS = "1";

/**
 * Renders the error envelope of section 6 of the contract. It uses only the catalogue, the error's public
 * parameters, fields and headers, and the request's id. No text of the CMS, of a library or of a cause can
 * reach an answer.
 */
export function renderError(error: GatewayError, requestId: string): Answer {
  const entry: ErrorEntry = CATALOGUE[error.code];
  const body = JSON.stringify({
    error: entry.error,
    message: entry.message.replace(/\{(\w+)\}/g, (_, name: string) => String(error.params[name] ?? "")),
    requestId,
    ...(error.fields === undefined ? {} : { errors: error.fields }),
  });
  const headers: Record<string, string> = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-request-id": requestId,
  };
  if (entry.status === 401) headers["www-authenticate"] = 'API-Key realm="partners"';
  // RFC 9209 section 2.3.19.
  if (error.code === "gateway.loop") headers["proxy-status"] = "partners-gateway; error=proxy_loop_detected";
  if (entry.status === 503 || entry.status === 429) headers["retry-after"] = RETRY_AFTER_SECONDS;
  return { status: entry.status, headers: { ...headers, ...error.headers }, body };
}
