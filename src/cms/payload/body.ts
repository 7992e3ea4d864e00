import { GatewayError } from "../../core/errors.ts";
import type { Fields, RecordId } from "../../core/context.ts";
import type { PayloadSettings } from "./settings.ts";

/**
 * Payload's own metadata of an uploaded file. A partner that could write these fields could make its record
 * point at another tenant's file, and delete that file together with its record.
 */
const FILE_METADATA: ReadonlySet<string> = new Set([
  "filename",
  "filesize",
  "height",
  "mimeType",
  "prefix",
  "sizes",
  "thumbnailURL",
  "url",
  "width",
  "_objectKey",
]);

/**
 * The time at which a record was moved to the trash. `null` restores the record; records outside the trash
 * have `null`.
 */
export const TRASHED = "deletedAt";

/**
 * A partner's optimistic lock: the `updatedAt` that the record must still have. It is not a field of the
 * record.
 */
export const IF_UPDATED_AT = "ifUpdatedAt";

/**
 * Payload takes these from a body without checking them. A value that is not a date fails in the middle of
 * its transaction. On SQLite (3.90, measured) every later request then fails as well. An invalid `deletedAt`
 * stays in the database, and every list of the collection's trash fails, for any tenant.
 */
const TIMESTAMPS: ReadonlySet<string> = new Set(["createdAt", "updatedAt", TRASHED]);

/** The destination of a body. */
export interface BodyTarget {
  readonly collection: string;
  readonly tenantId: RecordId;
  readonly isNew: boolean;
}

/**
 * Builds the body for the CMS: the partner's fields, plus the tenant on a create. It drops the partner's own
 * tenant field, Payload's metadata of a file, and on an update the id. It also drops names with dots or
 * brackets: Payload's field names have no dots, yet `tenant.id` moves a record. An update carries no tenant:
 * a write that lands just after an administrator's move would undo the move. Throws `document.invalid` for a
 * timestamp that is not an ISO 8601 date.
 */
export function bodyFor(fields: Fields, target: BodyTarget, settings: PayloadSettings): string {
  const { tenantField, uploads } = settings.cms;
  const isUpload = uploads.includes(target.collection);
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === tenantField || /[.[\]]/.test(name) || name === "__proto__") continue;
    if (isUpload && FILE_METADATA.has(name)) continue;
    const isRestore = name === TRASHED && value === null;
    if (TIMESTAMPS.has(name) && !isRestore && !isIsoDate(value)) throw badTimestamp(name);
    if (name === IF_UPDATED_AT || (name === "id" && !target.isNew)) continue;
    kept[name] = TIMESTAMPS.has(name) ? instantOf(value) : value;
  }
  if (target.isNew) kept[tenantField] = target.tenantId;
  return JSON.stringify(kept);
}

/**
 * True for a body that restores a record from the trash. Only such a body can write a record in the trash.
 */
export function restores(fields: Fields | undefined): boolean {
  return fields !== undefined && Object.hasOwn(fields, TRASHED) && fields[TRASHED] === null;
}

const MOMENT = /^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * True for a valid ISO 8601 date or date-time. `Date.parse` accepts more (`2026-01-01 (x)`, 31 February), and
 * databases differ on these values.
 */
export function isIsoDate(value: unknown): value is string {
  const [, day] = typeof value === "string" ? (MOMENT.exec(value) ?? []) : [];
  if (day === undefined || Number.isNaN(Date.parse(String(value)))) return false;
  const midnight = new Date(`${day}T00:00:00Z`);
  // `Date.parse` accepts `0001-01-32`, since it takes the month for the year.
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}

/**
 * Returns a timestamp in the CMS's own format. SQLite stores and compares the text: Payload returns another
 * text for an `updatedAt` stored as `2026-05-01`, and a lock with that text would never match. A time of day
 * without a zone is unchanged, since the CMS interprets it.
 */
function instantOf(value: unknown): unknown {
  if (typeof value !== "string" || !/^[\d-]{10}$|(?:Z|[+-]\d{2}:\d{2})$/.test(value)) return value;
  return new Date(value).toISOString();
}

function badTimestamp(path: string): GatewayError {
  return new GatewayError("document.invalid", {
    fields: [{ path, message: "This field has to be an ISO 8601 date." }],
  });
}
