import { GatewayError, type FieldProblem } from "../../core/errors.ts";
import type { Operation, UpstreamAnswer } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";

/** Payload's answers that are no success, as errors of the catalogue. Its own words go no further than the cause. */

/** True for the two statuses with which Payload says yes. */
export function isSuccess(answer: UpstreamAnswer): boolean {
  return answer.status === 200 || answer.status === 201;
}

/** True where Payload cannot query by what a client asked: an unknown, hidden or forbidden field. */
export function isUnreadableCondition(status: number, body: unknown): boolean {
  const error = firstError(body);
  return status === 400 && isObject(error) && error["name"] === "QueryError";
}

/** The error that an answer stands for; `body` is its JSON, `undefined` where it has none. */
export function refusal(answer: UpstreamAnswer, body: unknown, kind: Operation["kind"]): GatewayError {
  const cause = detail(answer, body);
  const isById = kind === "update" || kind === "delete";
  switch (answer.status) {
    case 400:
      return kind === "create" || kind === "update"
        ? invalid(body, cause)
        : new GatewayError("upstream.failed", { cause });
    case 401:
    case 403:
      return new GatewayError("key.forbidden", { cause });
    case 404:
      return new GatewayError(isById ? "document.unknown" : "route.unknown", { cause });
    case 423:
      return new GatewayError("document.conflict", { cause });
    default:
      return new GatewayError("upstream.failed", { cause });
  }
}

/** What the log may say of an answer: its status and, of an error, how it begins. Never a record. */
export function detail(answer: UpstreamAnswer, body: unknown): Readonly<Record<string, unknown>> {
  const { status, contentType } = answer;
  if (isSuccess(answer)) return { status, contentType, bytes: answer.body.length };
  return { status, contentType, begins: body === undefined ? undefined : JSON.stringify(body).slice(0, 300) };
}

/** Payload answers 400 to a body that fails validation, to a unique field taken and to an upload without a file. */
function invalid(body: unknown, cause: unknown): GatewayError {
  const fields: FieldProblem[] = [];
  let isTaken = false;
  for (const problem of validationProblems(body)) {
    if (!isObject(problem) || typeof problem["message"] !== "string") continue;
    const { path, message } = problem;
    if (message === "Value must be unique") isTaken = true;
    if (typeof path === "string") fields.push({ path, message });
  }
  return isTaken
    ? new GatewayError("document.conflict", { cause })
    : new GatewayError("document.invalid", { fields, cause });
}

function validationProblems(body: unknown): readonly unknown[] {
  const error = firstError(body);
  const data = isObject(error) && error["name"] === "ValidationError" ? error["data"] : undefined;
  return isObject(data) && Array.isArray(data["errors"]) ? data["errors"] : [];
}

function firstError(body: unknown): unknown {
  return isObject(body) && Array.isArray(body["errors"]) ? body["errors"][0] : undefined;
}
