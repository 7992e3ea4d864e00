import { GatewayError } from "../../core/errors.ts";
import type { Fields, RecordId } from "../../core/context.ts";
import type { PayloadSettings } from "./settings.ts";

/**
 * What Payload knows of an uploaded file. A partner that could write these could let its own record point at another
 * tenant's file, and delete that file with its record.
 */
const FILE_FACTS: ReadonlySet<string> = new Set([
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

/** When a record was put into the trash; `null` takes it out, and is what records outside have. */
export const TRASHED = "deletedAt";

/** A partner's optimistic lock: the `updatedAt` that the record must still have. No field of the record. */
export const IF_UPDATED_AT = "ifUpdatedAt";

/**
 * Payload takes these from a body and does not check them: one that is no date fails in the middle of its transaction,
 * and on SQLite (3.90, measured) every later request fails with it. A `deletedAt` that is none stays in the database, and
 * whoever lists the collection's trash gets an error for it, of whatever tenant.
 */
const TIMESTAMPS: ReadonlySet<string> = new Set(["createdAt", "updatedAt", TRASHED]);

/** Where a body goes. */
export interface BodyTarget {
  readonly collection: string;
  readonly tenantId: RecordId;
  readonly isNew: boolean;
}

/**
 * The body for the CMS: the partner's fields, on a create with the tenant added. Left out are the partner's own tenant
 * field, every dotted name (Payload's field names have no dots, yet `tenant.id` moves a record), Payload's own facts about
 * a file, and on an update the id. An update does not carry the tenant: a write that lands just after an administrator's
 * move would undo the move.
 */
export function bodyFor(fields: Fields, target: BodyTarget, settings: PayloadSettings): string {
  const { tenantField, uploads } = settings.cms;
  const isUpload = uploads.includes(target.collection);
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === tenantField || /[.[\]]/.test(name) || name === "__proto__") continue;
    if (isUpload && FILE_FACTS.has(name)) continue;
    const isNone = name === TRASHED && value === null;
    if (TIMESTAMPS.has(name) && !isNone && !isMoment(value)) throw badTimestamp(name);
    if (name === IF_UPDATED_AT || (name === "id" && !target.isNew)) continue;
    kept[name] = TIMESTAMPS.has(name) ? instantOf(value) : value;
  }
  if (target.isNew) kept[tenantField] = target.tenantId;
  return JSON.stringify(kept);
}

/** True for a body that takes a record out of the trash: only then a record in it can be written. */
export function restores(fields: Fields | undefined): boolean {
  return fields !== undefined && Object.hasOwn(fields, TRASHED) && fields[TRASHED] === null;
}

const MOMENT = /^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * True for an ISO 8601 date or moment that there is. JavaScript reads more (`2026-01-01 (x)`, 31 February), on which
 * databases differ.
 */
export function isMoment(value: unknown): value is string {
  const [, day] = typeof value === "string" ? (MOMENT.exec(value) ?? []) : [];
  if (day === undefined || Number.isNaN(Date.parse(String(value)))) return false;
  const midnight = new Date(`${day}T00:00:00Z`);
  // `0001-01-32` is one to `Date.parse`, which then takes the month for the year.
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}

/**
 * The moment as the CMS itself would write it. SQLite keeps and compares the text: a record whose `updatedAt` is `2026-05-01`
 * is read with another one, by which a lock would never find it. A time of day without a zone is the CMS's to read.
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
