import { GatewayError, type FieldProblem } from "../../core/errors.ts";
import type { UpstreamAnswer } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import type { Job } from "../../core/ports.ts";

/** Fields of which a 422 tells: a body can have as many wrong ones as it has bytes. */
const MOST_PROBLEMS = 100;

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
export function refusal(answer: UpstreamAnswer, body: unknown, job: Job): GatewayError {
  const { kind } = job.operation;
  const cause = detail(answer, body);
  const isById = kind === "update" || kind === "delete";
  const bulk = isById && isObject(body) && Array.isArray(body["docs"]) ? firstError(body) : undefined;
  if (answer.status === 400 && isObject(bulk)) return bulkRefusal(bulk, job, cause);
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
    if (typeof path === "string" && fields.length < MOST_PROBLEMS) fields.push({ path, message });
  }
  return isTaken
    ? new GatewayError("document.conflict", { cause })
    : new GatewayError("document.invalid", { fields, cause });
}

/**
 * Why a conditional write failed. Payload's bulk form says less than the one by id: `{id, isPublic, message}`, the
 * message naming fields by their labels (`Title, Start Date`) or, where a unique value is taken, by their column
 * (`code`). Asking again by id would tell more, and could land on a record that has been moved; so it is not done.
 */
function bulkRefusal(error: Record<string, unknown>, job: Job, cause: unknown): GatewayError {
  const message = typeof error["message"] === "string" ? error["message"] : "";
  if (/^Document with ID .* is currently locked/.test(message))
    return new GatewayError("document.conflict", { cause });
  // What a hook or an access rule said (Payload's `Forbidden`, in the English that it was asked for).
  if (message === "You are not allowed to perform this action.")
    return new GatewayError("key.forbidden", { cause });
  const [, list] = /^The following fields? (?:is|are) invalid: (.+)$/.exec(message) ?? [];
  if (error["isPublic"] !== true || list === undefined) return new GatewayError("upstream.failed", { cause });
  const names = list.split(", ");
  if (names.every((name) => /^[a-z_][\w.]*$/.test(name)))
    return new GatewayError("document.conflict", { cause });
  const paths = new Paths(job.fields);
  const fields = names
    .slice(0, MOST_PROBLEMS)
    .map((name) => ({ path: paths.of(name), message: "This field is invalid." }));
  return new GatewayError("document.invalid", { fields, cause });
}

/** The paths of a body's fields by their labels. */
class Paths {
  readonly #fields: unknown;
  /** The names in an object by what their labels compare as: it is gone through once, however many labels there are. */
  readonly #names = new Map<object, ReadonlyMap<string, string>>();

  constructor(fields: unknown) {
    this.#fields = fields;
  }

  /**
   * The path that a label such as `Location > City` or `Sessions 2 > Title` means: the partner's own field of that label
   * where its body has one, else the name that Payload would have made the label of.
   */
  of(label: string): string {
    const path: string[] = [];
    let at = this.#fields;
    for (const part of label.split(" > ")) {
      const [, list = part, row] = /^(.*) (\d+)$/.exec(part) ?? [];
      const holder: Record<string, unknown> = isObject(at) ? at : {};
      const rows = this.#nameIn(holder, list);
      const named = rows !== undefined && Array.isArray(holder[rows]) ? rows : this.#nameIn(holder, part);
      const name = named ?? camelCase(part);
      at = holder[name];
      path.push(name);
      if (!Array.isArray(at) || row === undefined) continue;
      path.push(String(Number(row) - 1));
      at = at[Number(row) - 1];
    }
    return path.join(".");
  }

  /** Of several names with one label the first. */
  #nameIn(holder: Record<string, unknown>, label: string): string | undefined {
    const names =
      this.#names.get(holder) ??
      new Map(
        Object.keys(holder)
          .toReversed()
          .map((name) => [fold(name), name]),
      );
    this.#names.set(holder, names);
    return names.get(fold(label));
  }
}

function camelCase(label: string): string {
  const joined = label.replace(/\s+(\S)/g, (_, letter: string) => letter.toUpperCase());
  return joined.charAt(0).toLowerCase() + joined.slice(1);
}

/** A name or the label that Payload makes of it (`startDate`, `Start Date`), as they compare. */
function fold(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, "");
}

function validationProblems(body: unknown): readonly unknown[] {
  const error = firstError(body);
  const data = isObject(error) && error["name"] === "ValidationError" ? error["data"] : undefined;
  return isObject(data) && Array.isArray(data["errors"]) ? data["errors"] : [];
}

function firstError(body: unknown): unknown {
  return isObject(body) && Array.isArray(body["errors"]) ? body["errors"][0] : undefined;
}
