import type { RecordId } from "../../core/context.ts";

/**
 * Words that Payload 3.90 matches before `/:id` of a collection (in any case, after decoding) or that plugins put
 * there: never a record's id.
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

/** What one question to the CMS may hold of ids: so many, and so many characters of its URL. */
const IDS_AT_ONCE = 100;
const CHARACTERS_AT_ONCE = 4_096;

/** True for a word with a meaning of its own in the place of an id. */
export function isReservedId(spelling: string): boolean {
  return RESERVED.has(spelling.toLowerCase());
}

/** How a CMS spells the ids of its records: numbers that the database counts, UUIDs, or any text (MongoDB, custom ids). */
export type IdKind = "number" | "uuid" | "text";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The kind of a CMS's ids, as an id of its own shows it. */
export function idKindOf(sample: RecordId): IdKind {
  if (typeof sample === "number") return "number";
  return UUID.test(sample) ? "uuid" : "text";
}

/** True for the form of the ids that Payload gives to rows of arrays and blocks: 24 hex digits (`bson-objectid`). */
export function isRowId(id: string): boolean {
  return /^[0-9a-f]{24}$/.test(id);
}

/**
 * The id that a spelling stands for. Numeric ids are read by `parseFloat` (`1abc`, `01`, `1.0`, `1e0` are all record
 * 1), and PostgreSQL reads a UUID in any case and answers an error to other text, so only the canonical form counts.
 * Text ids stand for themselves; whoever gets a record for one still compares with `isRecord`, since a database may fold
 * case or trim.
 */
export function recordId(spelling: string, kind: IdKind): RecordId | undefined {
  if (kind === "uuid") return UUID.test(spelling) ? spelling : undefined;
  if (kind === "text") return spelling.length <= 128 && /^[\w.~:@-]+$/.test(spelling) ? spelling : undefined;
  const id = /^[1-9][0-9]{0,15}$/.test(spelling) ? Number(spelling) : Number.NaN;
  return Number.isSafeInteger(id) ? id : undefined;
}

/** True where a record that the CMS found for an id has that very id. */
export function isRecord(record: unknown, id: RecordId): boolean {
  return typeof record === "object" && record !== null && "id" in record && isSameId(record.id, id);
}

/** Ids are equal as text: Payload takes `1` and `"1"` for the same record. */
export function isSameId(a: unknown, b: RecordId): boolean {
  return (typeof a === "string" || typeof a === "number") && String(a) === String(b);
}

/** The id in a relation, populated or not; `undefined` where there is none. */
export function relatedId(value: unknown): RecordId | undefined {
  if (typeof value === "string" || typeof value === "number") return value;
  if (typeof value !== "object" || value === null || !("id" in value)) return undefined;
  return typeof value.id === "string" || typeof value.id === "number" ? value.id : undefined;
}

/** Ids in parts of which each fits into one question: a hundred, or fewer where they are long. */
export function inParts(ids: readonly RecordId[]): RecordId[][] {
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
