import { valuesOf } from "../../core/headers.ts";
import { decodeSegment } from "../../core/path.ts";
import type { FactKind, NativeRequest } from "../../core/ports.ts";
import type { PayloadSettings } from "./settings.ts";

/** The settings by which a native request's effect is judged. */
export type WriteSettings = Pick<PayloadSettings, "exposed"> & {
  readonly cms: Pick<
    PayloadSettings["cms"],
    "apiPath" | "users" | "tenants" | "groups" | "serviceKey" | "harmlessCollections" | "harmlessPaths"
  >;
};

const ALL: readonly FactKind[] = ["keys", "tenants"];
const NONE: readonly FactKind[] = [];

/** Collections of Payload's own that hold nobody's rights. */
const OWN_HARMLESS: ReadonlySet<string> = new Set([
  "payload-folders",
  "payload-locked-documents",
  "payload-preferences",
  "payload-query-presets",
]);

/** Operations on an auth collection that change sessions, passwords and locks, none of which an API key looks at. */
const HARMLESS_AUTH: ReadonlySet<string> = new Set([
  "login",
  "logout",
  "refresh-token",
  "forgot-password",
  "unlock",
]);

/** Where Payload 3 keeps API keys from the version on in which a user can have several. */
const KEY_COLLECTION = "payload-api-keys";

/** A segment that every parser reads as it stands. */
const PLAIN = /^[A-Za-z0-9_-]+$/;

/**
 * The kinds of facts that a native request may change. All of them, unless the request is known not to: a safe method
 * (but for jobs, which Payload runs by GET), or an operation on a collection that holds no user, tenant, group or
 * membership, in the one spelling that no parser reads in another way. So a spelling, an endpoint or a plugin that
 * nobody thought of costs lookups, and not a revocation. Payload 3.86 to 3.90.
 */
export function writesTo(request: NativeRequest, settings: WriteSettings): readonly FactKind[] {
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
  // Of collections that are known to be ones: elsewhere the same words are somebody's own endpoint.
  if ((harmless || [users, tenants, groups].includes(collection)) && isRead(request, rest)) return NONE;
  if (harmless) return isOperation(method, rest, collection) ? NONE : ALL;
  if (collection !== users && collection !== KEY_COLLECTION) return ALL;
  if (method === "POST" && rest.length === 1 && HARMLESS_AUTH.has(rest[0] ?? "")) return NONE;
  // Without a key of the gateway's own, what a user may see of tenants is remembered too.
  return serviceKey === undefined ? ALL : ["keys"];
}

/** The segments of a path, as they are spelt; one trailing slash makes no other path. */
function segmentsOf(path: string): readonly string[] {
  const segments = path.split("/").slice(1);
  return segments.length > 1 && segments.at(-1) === "" ? segments.slice(0, -1) : segments;
}

/** True for a path that every parser reads as one of these or as one below it. */
function isHarmlessPath(segments: readonly string[], harmlessPaths: readonly string[]): boolean {
  const decoded = segments.map((segment) => decodeSegment(segment));
  if (decoded.includes(undefined)) return false;
  const path = `/${decoded.join("/")}`;
  return harmlessPaths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

/** Payload answers `GET /payload-jobs/run` by running whatever is due. In any spelling: this one errs on the safe side. */
function runsJobs(path: string): boolean {
  return /payload-jobs/i.test(careless(path));
}

/** A POST that Payload treats as a read: a GET by override on a collection or record, or a question for permissions. */
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

/** True for the shapes of Payload's own operations; an endpoint of somebody's own may do anything. */
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

/** The shapes of Payload's ids: a number, 24 hexadecimal digits, a UUID. Not a word, which could be an endpoint. */
function isIdLike(text: string): boolean {
  return /^(?:\d+|[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.test(text);
}

function careless(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
