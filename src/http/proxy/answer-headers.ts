import { STATUS_CODES } from "node:http";
import { isHopByHop, nominatedNames, type RawHeaders, valuesOf } from "../../core/headers.ts";

/**
 * Returns the CMS's answer headers for the client, names and values in turn. Order, case and repeats
 * (`Set-Cookie`) are kept. Hop-by-hop and nominated headers are removed, and the gateway's request id
 * replaces any other.
 */
export function answerHeaders(raw: RawHeaders, requestId: string): string[] {
  const headers = ["x-request-id", requestId];
  let nominated: ReadonlySet<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const lower = name.toLowerCase();
    if (lower === "connection" && !isOrdinary(raw[i + 1])) nominated = nominatedNames(raw);
    if (lower === "x-request-id" || isHopByHop(lower)) continue;
    headers.push(name, raw[i + 1] ?? "");
  }
  return nominated === undefined ? headers : without(headers, nominated);
}

/** Returns the same for a 101, with the two hop-by-hop headers that it needs. */
export function switchingHeaders(raw: RawHeaders, requestId: string): string[] {
  // A length has no meaning on a 101, but a client that honours it would read frames as a body.
  const headers = without(answerHeaders(raw, requestId), new Set(["content-length"]));
  headers.push("connection", "Upgrade", "upgrade", valuesOf(raw, "upgrade")[0] ?? "websocket");
  return headers;
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNWRITABLE = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/;

/** Returns the CMS's reason phrase, or the standard one if Node would throw at a control character in it. */
export function reasonPhrase(status: number, given: string): string {
  return UNWRITABLE.test(given) ? (STATUS_CODES[status] ?? "") : given;
}

/** Removes headers by name. The gateway's request id, the first pair, is never removed by a nomination. */
function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, i) => i < 2 || !names.has((headers[i - (i % 2)] ?? "").toLowerCase()));
}

/** True for the `Connection` values that nominate nothing, so that nearly every answer skips the parsing. */
function isOrdinary(connection: string | undefined): boolean {
  return connection === "keep-alive" || connection === "close";
}
