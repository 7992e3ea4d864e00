import { STATUS_CODES } from "node:http";
import { isHopByHop, nominatedNames, type RawHeaders, valuesOf } from "../../core/headers.ts";

/**
 * The CMS's answer headers as they go to the client, names and values in turn: order, case and repeats (`Set-Cookie`)
 * as they came, less hop-by-hop and nominated ones, and with the gateway's request id in place of any other.
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

/** The same for a 101, with the two hop-by-hop headers that make it one. */
export function switchingHeaders(raw: RawHeaders, requestId: string): string[] {
  // A length on a 101 describes nothing, but a client that believes it reads frames as a body.
  const headers = without(answerHeaders(raw, requestId), new Set(["content-length"]));
  headers.push("connection", "Upgrade", "upgrade", valuesOf(raw, "upgrade")[0] ?? "websocket");
  return headers;
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSPEAKABLE = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/;

/** The CMS's reason phrase, or the usual one where Node would throw at a control character in it. */
export function reasonPhrase(status: number, given: string): string {
  return UNSPEAKABLE.test(given) ? (STATUS_CODES[status] ?? "") : given;
}

/** The request id is the gateway's own, which no CMS can nominate away. */
function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, i) => i < 2 || !names.has((headers[i - (i % 2)] ?? "").toLowerCase()));
}

/** True for the `Connection` values that nominate nothing, which spares nearly every answer the parsing. */
function isOrdinary(connection: string | undefined): boolean {
  return connection === "keep-alive" || connection === "close";
}
