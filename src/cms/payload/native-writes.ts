import { valuesOf } from "../../core/headers.ts";
import { decodeSegment } from "../../core/path.ts";
import type { LookupKind, NativeRequest } from "../../core/ports.ts";
import type { PayloadSettings } from "./settings.ts";

/** The settings that decide which lookups a native request may change. */
export type WriteSettings = Pick<PayloadSettings, "exposed"> & {
  readonly cms: Pick<
    PayloadSettings["cms"],
    "apiPath" | "users" | "tenants" | "groups" | "serviceKey" | "harmlessCollections" | "harmlessPaths"
  >;
};

const ALL: readonly LookupKind[] = ["keys", "tenants"];
const NONE: readonly LookupKind[] = [];

/** Payload's own collections that grant no permissions. */
const OWN_HARMLESS: ReadonlySet<string> = new Set([
  "payload-folders",
  "payload-locked-documents",
  "payload-preferences",
  "payload-query-presets",
]);

/**
 * Operations of an auth collection that change sessions, passwords and locks. API keys depend on none of
 * these.
 */
const HARMLESS_AUTH: ReadonlySet<string> = new Set([
  "login",
  "logout",
  "refresh-token",
  "forgot-password",
  "unlock",
]);

/** The collection of API keys in the Payload 3 versions that allow several keys per user. */
const KEY_COLLECTION = "payload-api-keys";

/** A segment that every parser reads in the same way. */
const PLAIN = /^[A-Za-z0-9_-]+$/;

/**
 * Returns the kinds of cached lookups that a native request may change. It returns all of them, unless the
 * request provably changes none. A safe method changes none, except GET on jobs, which Payload runs. An
 * operation on a collection without users, tenants, groups and memberships changes none either, in the one
 * spelling that all parsers read alike. An unforeseen spelling, endpoint or plugin costs extra lookups, but
 * never a missed revocation. Applies to Payload 3.86 to 3.90.
 */
export function writesTo(request: NativeRequest, settings: WriteSettings): readonly LookupKind[] {
  const { method, target } = request;
  const path = target.split("?", 1)[0] ?? "";
  if (method === "HEAD" || method === "OPTIONS") return NONE;
  if (method === "GET") return runsJobs(path) ? ALL : NONE;
  const { apiPath, harmlessPaths } = settings.cms;
  const segments = segmentsOf(path);
  if (isHarmlessPath(segments, harmlessPaths)) return NONE;
  if (!segments.every((segment) => PLAIN.test(segment))) return ALL;
  if (!path.startsWith(`${apiPath}/`)) return ALL;
  const [collection = "", ...rest] = path.slice(apiPath.length + 1).split("/");
  const harmless = isHarmless(collection, settings);
  const { users, tenants, groups, serviceKey } = settings.cms;
  // Only for known collections: under any other name, the same words can be a custom endpoint.
  if ((harmless || [users, tenants, groups].includes(collection)) && isRead(request, rest)) return NONE;
  if (harmless) return isOperation(method, rest, collection) ? NONE : ALL;
  if (collection !== users && collection !== KEY_COLLECTION) return ALL;
  if (method === "POST" && rest.length === 1 && HARMLESS_AUTH.has(rest[0] ?? "")) return NONE;
  // Without a service key, the cached tenants depend on the permissions of each user too.
  return serviceKey === undefined ? ALL : ["keys"];
}

/** Splits a path into undecoded segments. A trailing slash does not make another path. */
function segmentsOf(path: string): readonly string[] {
  const segments = path.split("/").slice(1);
  return segments.length > 1 && segments.at(-1) === "" ? segments.slice(0, -1) : segments;
}

/** True for a path that every parser reads as one of these prefixes, or as a path below one. */
function isHarmlessPath(segments: readonly string[], harmlessPaths: readonly string[]): boolean {
  const decoded = segments.map((segment) => decodeSegment(segment));
  if (decoded.includes(undefined)) return false;
  const path = `/${decoded.join("/")}`;
  return harmlessPaths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

/**
 * Payload answers `GET /payload-jobs/run` by running all due jobs. The check accepts any spelling: a false
 * positive only costs lookups.
 */
function runsJobs(path: string): boolean {
  return /payload-jobs/i.test(decodeLeniently(path));
}

/**
 * True for a POST that Payload treats as a read: a GET by method override on a collection or record, or a
 * request for permissions.
 */
function isRead({ method, rawHeaders }: NativeRequest, rest: readonly string[]): boolean {
  if (method !== "POST" || rest.length > 2) return false;
  if (rest[0] === "access") return true;
  if (rest.length > 1) return false;
  const overrides = [
    ...valuesOf(rawHeaders, "x-http-method-override"),
    ...valuesOf(rawHeaders, "x-payload-http-method-override"),
  ];
  return overrides.length > 0 && overrides.every((value) => value === "GET");
}

function isHarmless(collection: string, { exposed, cms }: WriteSettings): boolean {
  return (
    exposed.has(collection) || cms.harmlessCollections.includes(collection) || OWN_HARMLESS.has(collection)
  );
}

/** True for the shapes of Payload's own operations. A custom endpoint may do anything. */
function isOperation(method: string, rest: readonly string[], collection: string): boolean {
  const [first = "", second = "", ...more] = rest;
  if (more.length > 0) return false;
  const isOne = rest.length === 1;
  // A preference is written by POST to its name.
  if (collection === "payload-preferences") return rest.length <= 1;
  if (method === "PATCH" || method === "DELETE") return rest.length === 0 || (isOne && isIdLike(first));
  if (method !== "POST") return false;
  if (rest.length === 0) return true;
  return (second === "duplicate" && isIdLike(first)) || (first === "versions" && isIdLike(second));
}

/**
 * True for the formats of Payload's ids: a number, 24 hexadecimal digits, a UUID. A word could be an
 * endpoint.
 */
function isIdLike(text: string): boolean {
  return /^(?:\d+|[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.test(text);
}

function decodeLeniently(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
