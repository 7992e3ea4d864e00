import { type Branded, mint } from "./brand.ts";

/**
 * The parser of request paths. A target under `/partners` is parsed once, here. A path that two parsers could
 * read differently is refused, not normalised, and no later code uses the client's spelling.
 */

/** The decoded segments after `/partners` and the raw query (no `?`). Only `parsePartnerTarget` makes one. */
export type CanonicalPath = Branded<
  { readonly segments: readonly string[]; readonly query: string },
  "CanonicalPath"
>;

/**
 * The result of parsing a request target: a Partners path, a malformed one, or a path outside `/partners`.
 */
export type RequestTarget =
  | { readonly kind: "partners"; readonly path: CanonicalPath }
  | { readonly kind: "malformed" }
  | { readonly kind: "other" };

const PREFIX = "partners";

/**
 * The bytes allowed in a request target: printable ASCII except `#`, which starts a fragment (RFC 9112
 * section 3.2.1).
 */
const TARGET = /^\/[!-"$-~]*$/;

/**
 * The characters of a segment: unreserved, sub-delims except `;`, `:`, `@` and escapes (RFC 3986 section
 * 3.3).
 */
const SEGMENT = /^(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})+$/;

/** The characters that a decoded segment must not have: separators, double escapes, control characters. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const AMBIGUOUS = /[/\\%;?#\u0000-\u001f\u007f-\u009f]/;

/**
 * Parses a request target (`req.url`, as in the request line). Accepts one trailing slash. A spelling that
 * another parser could read as `/partners` (escapes, doubled slashes, backslashes, dot segments) is
 * `malformed`.
 */
export function parseTarget(target: string): RequestTarget {
  const mark = target.indexOf("?");
  const pathname = mark === -1 ? target : target.slice(0, mark);
  if (!isUnderPartners(pathname)) return { kind: "other" };
  if (!TARGET.test(target)) return { kind: "malformed" };
  const segments: string[] = [];
  const spelt = pathname.split("/").slice(1);
  if (spelt.length > 1 && spelt.at(-1) === "") spelt.pop();
  for (const segment of spelt) {
    const decoded = decodeSegment(segment);
    if (decoded === undefined) return { kind: "malformed" };
    segments.push(decoded);
  }
  if (spelt[0] !== PREFIX) return { kind: "malformed" };
  const query = mark === -1 ? "" : target.slice(mark + 1);
  return { kind: "partners", path: mint<CanonicalPath>({ segments: segments.slice(1), query }) };
}

/** Decodes one segment; `undefined` if it is malformed or ambiguous. */
export function decodeSegment(segment: string): string | undefined {
  if (!SEGMENT.test(segment)) return undefined;
  let decoded = segment;
  if (segment.includes("%")) {
    try {
      decoded = decodeURIComponent(segment);
    } catch {
      return undefined;
    }
  }
  return decoded === "." || decoded === ".." || AMBIGUOUS.test(decoded) ? undefined : decoded;
}

/**
 * Returns true if a lenient parser could read `/partners` as the first segment. Such a parser decodes escapes
 * repeatedly, reads backslashes as slashes, drops control characters and resolves dot segments.
 */
function isUnderPartners(pathname: string): boolean {
  if (pathname === `/${PREFIX}` || pathname.startsWith(`/${PREFIX}/`)) return true;
  if (!/[%\\]|\/\/|\/\.|^[^/]|;/.test(pathname)) return false;
  const segments: string[] = [];
  for (const part of carelessly(pathname).split("/")) {
    const name = part.split(";")[0] ?? "";
    if (name === "..") segments.pop();
    else if (name !== "" && name !== ".") segments.push(name);
  }
  return segments[0] === PREFIX;
}

function carelessly(pathname: string): string {
  let text = pathname;
  for (let i = 0; i < 4 && text.includes("%"); i++) {
    text = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what it drops
  return text.replace(/\\/g, "/").replace(/[\u0000-\u001f]/g, "");
}

/**
 * Returns the origin-form of a target. An absolute-form whose authority equals `Host` becomes its path,
 * because an origin server must accept it (RFC 9112 section 3.2.2). Any other target is unchanged; its parser
 * refuses it.
 */
export function originFormOf(target: string, host: string | undefined): string {
  if (target.startsWith("/") || host === undefined) return target;
  const [, authority, rest = ""] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target) ?? [];
  if (authority === undefined || authority.toLowerCase() !== host.toLowerCase()) return target;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/**
 * Returns true for a printable target in origin-form that does not start with `//`, which some parsers read
 * as a host.
 */
export function isOriginForm(target: string): boolean {
  return TARGET.test(target) && !target.startsWith("//");
}

/**
 * Returns true for a native target that can be forwarded unchanged: in origin-form, and without anything that
 * makes the CMS resolve another path than the gateway checked (RFC 3986 section 5.2.4 dot segments in any
 * escape, backslashes).
 */
export function isPlainNativeTarget(target: string): boolean {
  const mark = target.indexOf("?");
  const pathname = mark === -1 ? target : target.slice(0, mark);
  if (!isOriginForm(target)) return false;
  // Each pattern below contains at least one of these.
  if (!/[%\\]|\/\./.test(pathname)) return true;
  return (
    !pathname.includes("\\") &&
    !pathname.split("/").some((segment) => /^(?:\.|%2e){1,2}(?:;.*)?$/i.test(segment)) &&
    !/%5c|%00|%2e%2e%2f|\.\.%2f/i.test(pathname)
  );
}

/** Returns true if a native pathname is under a configured prefix (`/api` covers `/api` and `/api/...`). */
export function isUnderPrefix(target: string, prefixes: readonly string[]): boolean {
  const mark = target.indexOf("?");
  const pathname = mark === -1 ? target : target.slice(0, mark);
  return prefixes.some(
    (prefix) => prefix === "/" || pathname === prefix || pathname.startsWith(`${prefix}/`),
  );
}
