import { GatewayError, type ErrorCode, type FieldProblem } from "../../core/errors.ts";
import type { UpstreamAnswer } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import type { Job } from "../../core/ports.ts";

/**
 * The mapping of Payload's refusals to errors of the catalogue. The status, the error's name and the shape of
 * its data decide. Messages are never compared, since a CMS can use any language and any wording. Payload's
 * text goes to the `cause`.
 */

/** The largest number of field problems in one 422. A body can have as many wrong fields as bytes. */
const MOST_PROBLEMS = 100;

/** The seconds in `Retry-After` if a hook of the CMS gave none. */
const RETRY_AFTER = "1";
const LONGEST_RETRY_AFTER = 86_400;

/** True for the two statuses with which Payload reports success. */
export function isSuccess(answer: UpstreamAnswer): boolean {
  return answer.status === 200 || answer.status === 201;
}

/**
 * True if Payload cannot query by a path of the client's condition: an unknown, hidden or forbidden field.
 */
export function isUnreadableCondition(status: number, body: unknown): boolean {
  const error = firstError(body);
  return status === 400 && isObject(error) && error["name"] === "QueryError";
}

/** Returns the error for an answer; `body` is its JSON, `undefined` if it has none. */
export function refusal(answer: UpstreamAnswer, body: unknown, job: Job): GatewayError {
  const cause = detail(answer, body);
  const { kind } = job.operation;
  const code = codeOf(answer.status, body, kind);
  if (code === "upstream.limited")
    return new GatewayError(code, { cause, headers: { "retry-after": secondsOf(answer.retryAfter) } });
  if (code !== "document.invalid" || kind === "delete") return new GatewayError(code, { cause });
  const problems = validationProblems(body);
  if (problems.some(isTaken)) return new GatewayError("document.conflict", { cause });
  return new GatewayError(code, { fields: fieldsOf(problems), cause });
}

/**
 * Returns the code for a status. A hook or an access rule may answer with any 4xx, which never counts as a
 * failure of the CMS.
 */
function codeOf(status: number, body: unknown, kind: Job["operation"]["kind"]): ErrorCode {
  const isRead = kind === "list" || kind === "read";
  if (status < 400 || status > 499 || isBulkFailure(body)) return "upstream.failed";
  // A single read has conditions on id and tenant only, so the CMS cannot query by the configured tenant
  // field.
  if (kind === "read" && isUnreadableCondition(status, body)) return "upstream.failed";
  switch (status) {
    case 401:
    case 403:
      return "key.forbidden";
    case 404:
      return isPayloadError(body) ? missingCode(kind) : "route.unknown";
    case 409:
    case 412:
    case 423:
      return "document.conflict";
    case 429:
      return "upstream.limited";
    default:
      if (!isPayloadError(body)) return "upstream.failed";
      return isRead ? "request.malformed" : "document.invalid";
  }
}

/**
 * True for the form of Payload's errors. Any other body comes from a server in front of it, or from a missing
 * route.
 */
function isPayloadError(body: unknown): boolean {
  return isObject(body) && Array.isArray(body["errors"]);
}

/**
 * Returns the code for Payload's `NotFound`, which hooks throw too. Without `errors` in the body the route
 * itself is missing.
 */
function missingCode(kind: Job["operation"]["kind"]): ErrorCode {
  if (kind === "list") return "route.unknown";
  return kind === "create" ? "document.invalid" : "document.unknown";
}

/**
 * True if a failure within Payload's bulk operation was not the client's fault. The body has the form
 * `{docs, errors: [{id, isPublic, message}]}`. The client's mistakes differ only by their messages, so they
 * are all `document.invalid`.
 */
function isBulkFailure(body: unknown): boolean {
  const error = firstError(body);
  return isObject(error) && error["isPublic"] === false;
}

/** Returns the seconds of a `Retry-After` (RFC 9110 section 10.2.3) for the partner, at most a day. */
function secondsOf(retryAfter: string | undefined): string {
  const isSeconds = retryAfter !== undefined && /^\d{1,5}$/.test(retryAfter);
  return isSeconds ? String(Math.min(Number(retryAfter), LONGEST_RETRY_AFTER)) : RETRY_AFTER;
}

/**
 * Returns the part of an answer that the log may hold: the status, and the first 300 characters of an error.
 * It never holds a record.
 */
export function detail(answer: UpstreamAnswer, body: unknown): Readonly<Record<string, unknown>> {
  const { status, contentType } = answer;
  if (isSuccess(answer)) return { status, contentType, bytes: answer.body.length };
  return { status, contentType, begins: body === undefined ? undefined : JSON.stringify(body).slice(0, 300) };
}

/** An entry in the list of a validation error. */
type Problem = Readonly<Record<string, unknown>>;

/**
 * True for a violated unique constraint. Payload's SQL adapters report it as a validation error that names
 * the table (3.90).
 */
function isTaken(problem: Problem): boolean {
  return typeof problem["tableName"] === "string";
}

function fieldsOf(problems: readonly Problem[]): FieldProblem[] {
  const fields: FieldProblem[] = [];
  for (const { path, message } of problems) {
    if (fields.length === MOST_PROBLEMS) break;
    if (typeof path === "string" && typeof message === "string") fields.push({ path, message });
  }
  return fields;
}

function validationProblems(body: unknown): readonly Problem[] {
  const error = firstError(body);
  const data = isObject(error) && error["name"] === "ValidationError" ? error["data"] : undefined;
  return isObject(data) && Array.isArray(data["errors"]) ? data["errors"].filter(isObject) : [];
}

function firstError(body: unknown): unknown {
  return isObject(body) && Array.isArray(body["errors"]) ? body["errors"][0] : undefined;
}
