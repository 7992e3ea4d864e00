import type { RecordId } from "../../core/context.ts";

/**
 * Words that Payload 3.90 matches before `/:id` of a collection (in any case, after decoding), or that
 * plugins add there. No record has such an id.
 */
const RESERVED: ReadonlySet<string> = new Set([
  "access",
  "count",
  "distinct",
  "duplicate",
  "file",
  "paste-url",
  "versions",
]);

/** The limits of one lookup by ids: the number of ids, and their characters in the URL. */
const IDS_AT_ONCE = 100;
const CHARACTERS_AT_ONCE = 4_096;

/** True for a reserved word in the place of an id. */
export function isReservedId(spelling: string): boolean {
  return RESERVED.has(spelling.toLowerCase());
}

/** The format of a CMS's ids: numbers from the database, UUIDs, or any text (MongoDB, custom ids). */
export type IdKind = "number" | "uuid" | "text";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Derives the format of a CMS's ids from one of them. */
export function idKindOf(sample: RecordId): IdKind {
  if (typeof sample === "number") return "number";
  return UUID.test(sample) ? "uuid" : "text";
}

/** True for the format of Payload's ids for rows of arrays and blocks: 24 hex digits (`bson-objectid`). */
export function isRowId(id: string): boolean {
  return /^[0-9a-f]{24}$/.test(id);
}

/**
 * Reads an id from its spelling; `undefined` if the spelling is not canonical. Payload reads numeric ids with
 * `parseFloat`: `1abc`, `01`, `1.0` and `1e0` are all record 1. PostgreSQL reads a UUID in any case and
 * answers other text with an error. Text ids are taken as they are. A database may fold case or trim, so
 * callers compare the record that they receive with `isRecord`.
 */
export function recordId(spelling: string, kind: IdKind): RecordId | undefined {
  if (kind === "uuid") return UUID.test(spelling) ? spelling : undefined;
  if (kind === "text") return spelling.length <= 128 && /^[\w.~:@-]+$/.test(spelling) ? spelling : undefined;
  const id = /^[1-9][0-9]{0,15}$/.test(spelling) ? Number(spelling) : Number.NaN;
  return Number.isSafeInteger(id) ? id : undefined;
}

/** True if a record has exactly this id. */
export function isRecord(record: unknown, id: RecordId): boolean {
  return typeof record === "object" && record !== null && "id" in record && isSameId(record.id, id);
}

/** Compares ids as text: Payload treats `1` and `"1"` as the same record. */
export function isSameId(a: unknown, b: RecordId): boolean {
  return (typeof a === "string" || typeof a === "number") && String(a) === String(b);
}

/** Returns the id in a relation, populated or not; `undefined` if there is none. */
export function relatedId(value: unknown): RecordId | undefined {
  if (typeof value === "string" || typeof value === "number") return value;
  if (typeof value !== "object" || value === null || !("id" in value)) return undefined;
  return typeof value.id === "string" || typeof value.id === "number" ? value.id : undefined;
}

/** Splits ids into batches that fit into one lookup: 100 ids, or fewer if they are long. */
export function inBatches(ids: readonly RecordId[]): RecordId[][] {
  const parts: RecordId[][] = [];
  let room = 0;
  for (const id of ids) {
    const length = encodeURIComponent(`${JSON.stringify(id)},`).length;
    const part = parts.at(-1);
    room -= length;
    if (part !== undefined && part.length < IDS_AT_ONCE && room >= 0) part.push(id);
    else {
      parts.push([id]);
      room = CHARACTERS_AT_ONCE - length;
    }
  }
  return parts;
}
