/**
 * The rules for headers. Names are compared folded (`X_Basker.Tenant-ID` is `x-basker-tenant-id`), because
 * servers and frameworks behind the gateway read both spellings as one name. In CVE-2025-64484 and similar
 * bugs, a gateway removed only one of the spellings.
 */

/** Alternating names and values, as received (`IncomingMessage.rawHeaders`). */
export type RawHeaders = readonly string[];

/** The hop-by-hop headers of RFC 9110 section 7.6.1, and two that are hop-by-hop by convention. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const AUTHORIZATION = "authorization";

/** Folds a header's name for comparison: lower case, with `_` and `.` as `-`. */
export function foldName(name: string): string {
  return name.toLowerCase().replace(/[_.]/g, "-");
}

/** Returns all values of one header in order. Compares the exact name, in any case; `name` is lower-case. */
export function valuesOf(raw: RawHeaders, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const candidate = raw[i] ?? "";
    if (candidate.length === name.length && candidate.toLowerCase() === name) values.push(raw[i + 1] ?? "");
  }
  return values;
}

/** Returns true for a header of one connection, which is never forwarded. `name` is lower-case. */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name);
}

/** Returns the lower-case names that `Connection` declares as hop-by-hop (RFC 9110 section 7.6.1). */
export function nominatedNames(raw: RawHeaders): ReadonlySet<string> {
  const names = new Set<string>();
  for (const value of valuesOf(raw, "connection")) {
    for (const name of value.split(",")) names.add(name.trim().toLowerCase());
  }
  return names;
}

/**
 * Returns true if one of `names` (lower-case) occurs twice: two parsers could then read two different
 * requests.
 */
export function repeatsAny(raw: RawHeaders, names: readonly string[]): boolean {
  return names.some((name) => valuesOf(raw, name).length > 1);
}

/**
 * `name[:port]` or `[IPv6][:port]` (RFC 9110 section 7.2). Lists, paths and user information do not match.
 */
const HOST = /^(?:[\w\-.~%]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** Returns true if the request has exactly one `Host`, and it is valid (RFC 9112 section 3.2). */
export function hasUsableHost(raw: RawHeaders): boolean {
  const [host, ...others] = valuesOf(raw, "host");
  return host !== undefined && others.length === 0 && HOST.test(host);
}

/**
 * Returns true if the length of the message is unambiguous (RFC 9112 section 6.1): not both framings, no
 * transfer coding except `chunked`, and none in HTTP/1.0, which does not define transfer codings.
 */
export function hasPlainFraming(raw: RawHeaders, httpVersion: string): boolean {
  const codings = valuesOf(raw, "transfer-encoding");
  if (codings.length === 0) return true;
  if (httpVersion === "1.0" || valuesOf(raw, "content-length").length > 0) return false;
  return codings.length === 1 && codings[0]?.trim().toLowerCase() === "chunked";
}

/**
 * Returns true if a request has an API key in any form that the CMS could accept: for any auth collection, in
 * any case, in any of several headers, at any position in a list. The key's validity does not matter, so a
 * refusal does not disclose it.
 */
export function carriesApiKey(raw: RawHeaders): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    // Folding does not change the length, so most names are not folded.
    if (name.length !== AUTHORIZATION.length || foldName(name) !== AUTHORIZATION) continue;
    if (/(?:^|[\s,])api-key(?:$|[\s,])/i.test(raw[i + 1] ?? "")) return true;
  }
  return false;
}
