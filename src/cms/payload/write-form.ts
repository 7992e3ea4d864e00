import { GatewayError } from "../../core/errors.ts";
import type { Fields, Revision, Revisions } from "../../core/context.ts";
import { IF_UPDATED_AT, isIsoDate, TRASHED } from "./body.ts";

/**
 * The form of an update in Payload.
 * - `by-id`: Payload's own operation by id. It builds on the latest version if the collection has drafts.
 * - `conditional`: Payload's bulk operation, with id and tenant as its condition. It builds on the main row,
 *   or with `draft` on the latest version, and can compare `updatedAt` itself. Payload 3.90 reports its
 *   failures without status, error name or field path, and gives hooks no `id`. The gateway therefore uses it
 *   only if the operation by id cannot do the same.
 */
export type WriteForm =
  | { readonly kind: "by-id" }
  | {
      readonly kind: "conditional";
      readonly draft: boolean;
      readonly updatedAt?: string;
      /** True if the operation by id would put a waiting draft on the main row. */
      readonly keepsDraft: boolean;
    };

const BY_ID: WriteForm = { kind: "by-id" };

/**
 * The inputs that decide the form of an update: the body with the CMS's names, whether the client requested
 * `draft=true`, and the record's states.
 */
export interface Update {
  readonly fields: Fields;
  readonly asksDraft: boolean;
  readonly revisions: Revisions;
}

/**
 * Chooses the form of an update. Throws `document.conflict` if the partner's `ifUpdatedAt` differs from the
 * state that the update would build on. Throws `document.invalid` if it is not a date-time, or if the
 * collection has no timestamps.
 */
export function writeForm(update: Update): WriteForm {
  const { revisions } = update;
  const keepsDraft = leavesDraftWaiting(update);
  const lock = lockOf(update.fields);
  if (lock === undefined) return keepsDraft ? { kind: "conditional", draft: false, keepsDraft } : BY_ID;
  const base = keepsDraft ? revisions.main : (revisions.latest ?? revisions.main);
  checkLock(lock, base);
  const buildsOnMain = keepsDraft || (!update.asksDraft && isSame(base, revisions.main));
  const locked = { kind: "conditional", updatedAt: lock, keepsDraft } as const;
  if (!revisions.hasDrafts || buildsOnMain) return { ...locked, draft: false };
  const buildsOnLatest = update.asksDraft || update.fields["_status"] === "published";
  if (revisions.latest === undefined || !buildsOnLatest) return BY_ID;
  return { ...locked, draft: true };
}

/**
 * True if a published record has a waiting draft, or may have one that the key cannot see, and the update
 * does not concern the draft. Such an update neither requests the draft nor decides its status. By id Payload
 * would put the draft on the main row and take the page offline.
 */
function leavesDraftWaiting({ fields, asksDraft, revisions }: Update): boolean {
  const { main, latest, hasDrafts } = revisions;
  if (!hasDrafts || asksDraft || !main.isPublished) return false;
  if (Object.hasOwn(fields, "_status") || isTrashing(fields)) return false;
  return latest === undefined || !latest.isPublished;
}

/**
 * True for a move to the trash. Payload's bulk operation builds on the latest version for these too (3.90),
 * so it has no advantage.
 */
function isTrashing(fields: Fields): boolean {
  return fields[TRASHED] !== undefined && fields[TRASHED] !== null;
}

function isSame(one: Revision, other: Revision): boolean {
  return one.updatedAt === other.updatedAt && one.isPublished === other.isPublished;
}

function checkLock(lock: string, { updatedAt }: Revision): void {
  if (updatedAt === undefined) throw badLock("This collection cannot be written under a condition.");
  if (Date.parse(updatedAt) !== Date.parse(lock)) throw new GatewayError("document.conflict");
}

/** Reads a partner's optimistic lock, if the body has one. */
function lockOf(fields: Fields): string | undefined {
  const lock = fields[IF_UPDATED_AT];
  if (lock === undefined) return undefined;
  if (isIsoDate(lock) && /^[^ ]+T.+Z$/.test(lock)) return lock;
  throw badLock("Give the record's updatedAt as the API gave it.");
}

function badLock(message: string): GatewayError {
  return new GatewayError("document.invalid", { fields: [{ path: IF_UPDATED_AT, message }] });
}
