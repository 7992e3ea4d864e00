import { isUtf8 } from "node:buffer";
import { GatewayError } from "../../core/errors.ts";
import type { Operation, RecordId, UpstreamAnswer } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import type { Job, Translation } from "../../core/ports.ts";
import { isAmong } from "./field-place.ts";
import { isRecord } from "./ids.ts";
import { IF_UPDATED_AT } from "./body.ts";
import { readJson } from "./json.ts";
import { formOf } from "./outgoing.ts";
import { isSuccess, isUnreadableCondition, refusal } from "./refusal.ts";
import type { PayloadSettings } from "./settings.ts";
import { pagingOf } from "./paging.ts";
import type { PartialList } from "./partial-list.ts";
import type { Proofs } from "./proof.ts";
import { askedFields, hiddenFields, type AskedJob } from "./query.ts";
import { isJoinPage } from "./record-kind.ts";
import { RecordSanitiser } from "./record-sanitiser.ts";
import { endsWithAny, partialListOf, refusedBy, withProofs, type StepAnswers } from "./steps.ts";

/** The members of a list answer, in the order in which partners receive them. */
const LIST_MEMBERS = [
  "docs",
  "totalDocs",
  "limit",
  "totalPages",
  "page",
  "pagingCounter",
  "hasPrevPage",
  "hasNextPage",
  "prevPage",
  "nextPage",
] as const;

/**
 * Translates Payload's answer to a permitted operation into the partner's answer: the contract's shape,
 * without data outside the scope. Throws the error for any other answer, with Payload's text as `cause`.
 */
export function translate(answers: StepAnswers, job: AskedJob, settings: PayloadSettings): Translation {
  const { answer, earlier, proofs } = withProofs(answers, job, settings);
  const { operation } = job;
  const { kind } = operation;
  const [failed] = earlier;
  if (failed?.status === 500 && kind !== "list") throw failedWrite({ answer, earlier }, job, settings);
  const partial = partialListOf(job, [...earlier, answer], settings);
  const body = partial === undefined ? readJson(answer) : readable(partial, earlier, job);
  if (kind === "list" && isUnreadableCondition(answer.status, body)) return emptyList(job, settings);
  if (partial === undefined && (!isSuccess(answer) || body === undefined)) throw refusal(answer, body, job);
  // The CMS works without the condition, which compares with an impossible value: no record matches.
  if (kind === "list" && endsWithAny(job, [...earlier, answer], settings)) return emptyList(job, settings);
  if (kind === "list" && asksByJoin(body, job, settings)) {
    return { status: 200, body: JSON.stringify(nothingJoined(body)) };
  }
  const sieve = new RecordSanitiser(settings, job);
  const shaping = {
    sieve,
    operation,
    scope: job.permit.scope,
    hidden: hiddenFields(job, settings),
    proofs,
  };
  const { unreadable: ids = [] } = partial ?? {};
  if (ids.length > 0)
    settings.tell.unreadable({ requestId: job.requestId, collection: operation.collection, ids });
  try {
    return shaped({ body, answer }, job, shaping);
  } finally {
    sieve.report();
  }
}

/**
 * Returns the error for a write that the CMS answered with 500: `document.invalid` if the CMS cannot read the
 * values of some fields, otherwise the CMS's failure.
 */
function failedWrite(
  { answer, earlier }: StepAnswers,
  job: AskedJob,
  settings: PayloadSettings,
): GatewayError {
  const [failed = answer] = earlier;
  const error = refusal(failed, readJson(failed), job);
  const refused = refusedBy(job, [...earlier, answer], settings);
  if (refused.length === 0) return error;
  const fields = refused.map(({ name }) => ({ path: name, message: "The value is not of the field's type" }));
  return new GatewayError("document.invalid", { fields, cause: error.cause });
}

/** Returns the list without the records that the CMS cannot read. Throws if the CMS can read none. */
function readable({ body }: PartialList, earlier: readonly UpstreamAnswer[], job: AskedJob): unknown {
  const [failed] = earlier;
  if (body !== undefined) return body;
  throw failed === undefined ? new GatewayError("upstream.failed") : refusal(failed, readJson(failed), job);
}

/** An answer of the CMS, with its body parsed. */
interface ParsedAnswer {
  readonly answer: UpstreamAnswer;
  readonly body: unknown;
}

/** The inputs that turn the CMS's records into the partner's. */
interface Shaping {
  readonly sieve: RecordSanitiser;
  readonly operation: Operation;
  /** The tenants that the permit names. */
  readonly scope: readonly RecordId[];
  /** Fields that the query selected for the gateway only. */
  readonly hidden: readonly string[];
  readonly proofs: Proofs;
}

function shaped({ body, answer }: ParsedAnswer, job: AskedJob, shaping: Shaping): Translation {
  const { kind } = job.operation;
  if (kind === "list") return { status: 200, body: listText(body, shaping, answer) };
  const record = recordOf(body);
  if (record === undefined && matchesNothing(job)) throw nothingMatched(job);
  if (!isObject(record)) throw new GatewayError("upstream.failed", { cause: "no record in the answer" });
  const { recordId } = job.permit;
  if (recordId !== undefined && !isRecord(record, recordId)) {
    // The write has changed an unknown record, so a 404 would be wrong.
    if (kind !== "read") throw new GatewayError("upstream.failed", { cause: "another record in the answer" });
    throw new GatewayError("document.unknown");
  }
  return { status: kind === "create" ? 201 : 200, body: JSON.stringify(ours(record, shaping)) };
}

/** A list without documents. */
const EMPTY_LIST = {
  docs: [],
  totalDocs: 0,
  limit: 10,
  totalPages: 1,
  page: 1,
  pagingCounter: 1,
  hasPrevPage: false,
  hasNextPage: false,
  prevPage: null,
  nextPage: null,
} as const;

/**
 * Returns the answer to a list whose `where` the CMS rejects or fails at: an empty page, as for a valid
 * condition without matches. A difference would distinguish a missing field from a forbidden one.
 */
function emptyList({ asked }: AskedJob, settings: PayloadSettings): Translation {
  const { limit, page } = pagingOf(asked, settings);
  return { status: 200, body: JSON.stringify({ ...EMPTY_LIST, limit, page }) };
}

/**
 * True if the list was queried by a field that turns out to be a join. The matches would reveal records of
 * any tenant that point here, so the gateway answers with an empty list.
 */
function asksByJoin(body: unknown, job: AskedJob, settings: PayloadSettings): boolean {
  const { collection } = job.operation;
  const asked = job.query === "" ? [] : askedFields(job.asked, collection, settings);
  const fields = asked.filter((path) => !isAmong(settings.cms.plainFields, { collection, path }));
  if (fields.length === 0 || !isObject(body) || !Array.isArray(body["docs"])) return false;
  const records = body["docs"].filter((record: unknown) => isObject(record));
  return records.some((record) => fields.some((name) => isJoinPage(record[name])));
}

/** Returns Payload's answer to a condition on a join without matches. Other empty lists differ. */
function nothingJoined(body: unknown): Record<string, unknown> {
  const limit = isObject(body) ? body["limit"] : undefined;
  return { ...EMPTY_LIST, limit, totalPages: 0, pagingCounter: 0 };
}

/** The first bytes of a list answer. */
const LIST_HEAD = Buffer.from('{"docs":');

/**
 * Serialises a list for the partner. Unchanged records are copied as the CMS's own bytes: most lists are
 * unchanged, and serialising costs as much as parsing. The gateway checks every record in both cases. The
 * text is the same in both cases: a difference would show that something was removed.
 */
function listText(body: unknown, shaping: Shaping, answer: UpstreamAnswer): string | Buffer {
  const page = list(body, shaping);
  const records = shaping.sieve.hasChanged ? undefined : recordsOf(body, answer.body);
  if (records === undefined) return JSON.stringify(page);
  const { docs: _, ...rest } = page;
  return Buffer.concat([LIST_HEAD, records, Buffer.from(`,${JSON.stringify(rest).slice(1)}`)]);
}

/** Returns the bytes of the records in an answer; `undefined` if they cannot be located with certainty. */
function recordsOf(body: unknown, bytes: Buffer): Buffer | undefined {
  if (!isObject(body) || !Array.isArray(body["docs"]) || !body["docs"].every(isObject)) return undefined;
  const { docs: _, ...rest } = body;
  const tail = Buffer.from(`,${JSON.stringify(rest).slice(1)}`);
  const end = bytes.length - tail.length;
  const isPlain = bytes.subarray(0, LIST_HEAD.length).equals(LIST_HEAD) && bytes.subarray(end).equals(tail);
  return isPlain && isUtf8(bytes) ? bytes.subarray(LIST_HEAD.length, end) : undefined;
}

function list(body: unknown, shaping: Shaping): Record<string, unknown> {
  if (!isObject(body) || !Array.isArray(body["docs"]))
    throw new GatewayError("upstream.failed", { cause: "no list in the answer" });
  const page: Record<string, unknown> = {};
  for (const name of LIST_MEMBERS) page[name] = body[name];
  page["docs"] = body["docs"].map((record: unknown) => (isObject(record) ? ours(record, shaping) : null));
  return page;
}

/**
 * Checks and cleans the main record of an answer. The gateway requested records in scope only, so a foreign
 * record is a breach. After a write it means that the record was moved to another tenant in the meantime.
 */
function ours(
  record: Record<string, unknown>,
  { sieve, operation, scope, hidden, proofs }: Shaping,
): Record<string, unknown> {
  const { kind, collection } = operation;
  if (!sieve.passes(record, { collection, scope })) {
    throw new GatewayError("upstream.failed", {
      cause: `isolation: a record of ${collection} outside the scope`,
    });
  }
  const joinsInScope = kind === "list" || kind === "read";
  sieve.clean(record, collection, { joinsInScope, hidden, proof: proofs.get(String(record["id"])) });
  return record;
}

/**
 * Returns the record of an answer: `doc`, or the first of `docs`. An empty list gives `undefined`, an answer
 * with neither gives `null`.
 */
function recordOf(body: unknown): unknown {
  if (!isObject(body)) return null;
  return Array.isArray(body["docs"]) ? body["docs"][0] : (body["doc"] ?? null);
}

/** True if an empty answer means that no record met the request's condition, so that nothing was written. */
function matchesNothing(job: AskedJob): boolean {
  const { kind } = job.operation;
  return kind === "read" || (kind === "update" && formOf(job).kind === "conditional");
}

/**
 * Returns the error for a condition that no record met: the record is gone, or its `updatedAt` is no longer
 * the partner's `ifUpdatedAt`.
 */
function nothingMatched(job: Job): GatewayError {
  const isLocked = job.operation.kind === "update" && job.fields?.[IF_UPDATED_AT] !== undefined;
  return new GatewayError(isLocked ? "document.conflict" : "document.unknown");
}
