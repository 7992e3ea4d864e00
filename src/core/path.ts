import { type Branded, mint } from "./brand.ts";

/**
 * The law of paths: one path, one meaning. A target under `/partners` is taken apart once, here; whatever two parsers
 * could read in two ways is refused, not repaired, and nobody after this file sees the client's spelling again.
 */

/** The decoded segments after `/partners` and the raw query (no `?`). Only `parsePartnerTarget` makes one. */
export type CanonicalPath = Branded<
  { readonly segments: readonly string[]; readonly query: string },
  "CanonicalPath"
>;

/** What a request target is: a Partners path, a malformed one, or somebody else's. */
export type RequestTarget =
  | { readonly kind: "partners"; readonly path: CanonicalPath }
  | { readonly kind: "malformed" }
  | { readonly kind: "other" };

const PREFIX = "partners";

/** Bytes that a request target may hold at all: printable ASCII less the fragment mark (RFC 9112 section 3.2.1). */
const TARGET = /^\/[!-"$-~]*$/;

/** What a segment may be spelt with: unreserved, sub-delims less `;`, `:`, `@` and escapes (RFC 3986 section 3.3). */
const SEGMENT = /^(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})+$/;

/** What a decoded segment may not hold: separators, escapes to be read twice, control characters. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const AMBIGUOUS = /[/\\%;?#\u0000-\u001f\u007f-\u009f]/;

/**
 * Splits a request target (`req.url`, as it stood in the request line). One trailing slash is tolerated. A spelling
 * that some parser could take for `/partners` (escapes, doubled slashes, backslashes, dot segments) is `malformed`.
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

/** One segment's meaning, or `undefined` where it has none or more than one. */
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
 * True where the most careless parser could read `/partners` as the first segment: it unescapes as often as it can,
 * takes backslashes for slashes, drops control characters, and resolves dot segments.
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
 * The origin-form of a target. An absolute-form whose authority is the `Host` is that host's path (RFC 9112 section 3.2.2: an
 * origin server has to accept it); any other target stays as it is, and is refused where it is judged.
 */
export function originFormOf(target: string, host: string | undefined): string {
  if (target.startsWith("/") || host === undefined) return target;
  const [, authority, rest = ""] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target) ?? [];
  if (authority === undefined || authority.toLowerCase() !== host.toLowerCase()) return target;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** True for a target in origin form and printable, without a second slash in front, which is a host to some. */
export function isOriginForm(target: string): boolean {
  return TARGET.test(target) && !target.startsWith("//");
}

/**
 * True for a native target that can go to the CMS as it is: in origin form, and without anything that would make the
 * CMS see another path than the one that was judged (RFC 3986 section 5.2.4 dot segments in any escape, backslashes).
 */
export function isPlainNativeTarget(target: string): boolean {
  const mark = target.indexOf("?");
  const pathname = mark === -1 ? target : target.slice(0, mark);
  if (!isOriginForm(target)) return false;
  // Each of what follows needs one of these.
  if (!/[%\\]|\/\./.test(pathname)) return true;
  return (
    !pathname.includes("\\") &&
    !pathname.split("/").some((segment) => /^(?:\.|%2e){1,2}(?:;.*)?$/i.test(segment)) &&
    !/%5c|%00|%2e%2e%2f|\.\.%2f/i.test(pathname)
  );
}

/** True where a native pathname lies under one of the configured prefixes (`/api` covers `/api` and `/api/...`). */
export function isUnderPrefix(target: string, prefixes: readonly string[]): boolean {
  const mark = target.indexOf("?");
  const pathname = mark === -1 ? target : target.slice(0, mark);
  return prefixes.some(
    (prefix) => prefix === "/" || pathname === prefix || pathname.startsWith(`${prefix}/`),
  );
}
