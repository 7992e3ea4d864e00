/**
 * The law of headers. Names are compared folded (`X_Basker.Tenant-ID` is `x-basker-tenant-id`), since servers and
 * frameworks behind us read those spellings as one: CVE-2025-64484 and its kin are gateways that removed one of them.
 */

/** Names and values in turn, as they came (`IncomingMessage.rawHeaders`). */
export type RawHeaders = readonly string[];

/** RFC 9110 section 7.6.1, and the two names that are hop-by-hop by custom. */
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

/** A header's name as the law compares it: lower case, `_` and `.` read as `-`. */
export function foldName(name: string): string {
  return name.toLowerCase().replace(/[_.]/g, "-");
}

/** All values of one header, in order, by its exact name in any case. `name` is lower-case. */
export function valuesOf(raw: RawHeaders, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const candidate = raw[i] ?? "";
    if (candidate.length === name.length && candidate.toLowerCase() === name) values.push(raw[i + 1] ?? "");
  }
  return values;
}

/** True for a header that concerns one connection only and so is never passed on. `name` is lower-case. */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name);
}

/** The names, lower-case, that a `Connection` header declares to be for this hop only (RFC 9110 section 7.6.1). */
export function nominatedNames(raw: RawHeaders): ReadonlySet<string> {
  const names = new Set<string>();
  for (const value of valuesOf(raw, "connection")) {
    for (const name of value.split(",")) names.add(name.trim().toLowerCase());
  }
  return names;
}

/** True where one of `names` (lower-case) occurs more than once: two parsers could then read two different requests. */
export function repeatsAny(raw: RawHeaders, names: readonly string[]): boolean {
  return names.some((name) => valuesOf(raw, name).length > 1);
}

/** `name[:port]` or `[IPv6][:port]` (RFC 9110 section 7.2). A list, a path or user information is somebody's trick. */
const HOST = /^(?:[\w\-.~%]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** True where one `Host` that can be one is given (RFC 9112 section 3.2). */
export function hasUsableHost(raw: RawHeaders): boolean {
  const [host, ...others] = valuesOf(raw, "host");
  return host !== undefined && others.length === 0 && HOST.test(host);
}

/**
 * True where the message's length can be read in only one way (RFC 9112 section 6.1): not both framings, no transfer
 * coding but `chunked`, and none at all in HTTP/1.0, which does not know them.
 */
export function hasPlainFraming(raw: RawHeaders, httpVersion: string): boolean {
  const codings = valuesOf(raw, "transfer-encoding");
  if (codings.length === 0) return true;
  if (httpVersion === "1.0" || valuesOf(raw, "content-length").length > 0) return false;
  return codings.length === 1 && codings[0]?.trim().toLowerCase() === "chunked";
}

/**
 * True where a request offers an API key in any form a CMS could accept: whatever the auth collection, case, number
 * of headers or position in a list. Says nothing of whether the key is good, so that a refusal is no oracle.
 */
export function carriesApiKey(raw: RawHeaders): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    // Folding changes no length, and spares every other name.
    if (name.length !== AUTHORIZATION.length || foldName(name) !== AUTHORIZATION) continue;
    if (/(?:^|[\s,])api-key(?:$|[\s,])/i.test(raw[i + 1] ?? "")) return true;
  }
  return false;
}
