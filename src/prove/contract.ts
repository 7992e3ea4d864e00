import { isObject } from "../core/json.ts";
import type { Judgement } from "./world.ts";
import type { Seen } from "./wire.ts";

/**
 * The published errors, as an intended duplicate: a proof that read the gateway's own catalogue would accept
 * any answer that follows the catalogue.
 */
const REFUSALS = {
  malformed: [400, "Bad Request", "Malformed request"],
  version: [400, "Unsupported API version", undefined],
  collection: [400, "Missing resource", "Provide a collection path after the tenant segment"],
  noTenant: [400, "Missing tenant", "Tenant slug or identifier must be provided"],
  id: [400, "Missing identifier", "Provide a document id after the collection"],
  body: [400, "Invalid JSON body", "Request body must be valid JSON"],
  key: [401, "Unauthorized", "Valid API key required"],
  native: [403, "Forbidden", "API keys must use the Partners API at /partners/:version/:tenant/*"],
  tenant: [404, "Tenant not found", "Unable to resolve tenant from provided headers or path"],
  document: [404, "Not Found", "Document not found for tenant"],
  route: [404, "Not Found", "Route not found"],
  cms: [500, "Server Error", "Unexpected error while processing the request"],
} as const satisfies Record<string, readonly [number, string, string | undefined]>;

/** A published refusal. */
export type ContractRefusal = keyof typeof REFUSALS;

/** The members of a list answer, in any order. */
export const LIST_MEMBERS: readonly string[] = [
  "docs",
  "hasNextPage",
  "hasPrevPage",
  "limit",
  "nextPage",
  "page",
  "pagingCounter",
  "prevPage",
  "totalDocs",
  "totalPages",
];

/** The members that no document may have, at any depth. */
export const SECRET_MEMBERS: ReadonlySet<string> = new Set([
  "password",
  "salt",
  "hash",
  "apiKey",
  "apiKeyIndex",
  "enableAPIKey",
  "resetPasswordToken",
  "resetPasswordExpiration",
  "sessions",
  "lockUntil",
  "loginAttempts",
]);

/** Returns true if the answer is that refusal. For a HEAD it compares only the status. */
export function isRefusal(seen: Seen, kind: ContractRefusal, method = "GET"): boolean {
  const [status, error, message] = REFUSALS[kind];
  if (seen.status !== status || method === "HEAD") return seen.status === status;
  const { json } = seen;
  return isObject(json) && json["error"] === error && (message === undefined || json["message"] === message);
}

/** Renders a refusal for a report. */
export function wordsOf(kind: ContractRefusal): string {
  const [status, error, message] = REFUSALS[kind];
  return `${status} ${error}${message === undefined ? "" : ` / ${message}`}`;
}

/** Checks that an error has exactly the envelope, with the id of the `x-request-id` header (section 6). */
export function envelopeProblem(seen: Seen, method: string): Judgement {
  if (seen.status < 400 || method === "HEAD") return undefined;
  const { json, headers } = seen;
  if (!isObject(json)) return `an error that is no JSON envelope: ${seen.text.slice(0, 80)}`;
  const extra = Object.keys(json).filter((name) => !["error", "message", "requestId"].includes(name));
  if (extra.some((name) => name !== "errors" || seen.status !== 422))
    return `an error with more than the envelope: ${extra.join(", ")}`;
  if (typeof json["error"] !== "string" || typeof json["message"] !== "string")
    return "an envelope without error or message";
  const { requestId } = json;
  if (typeof requestId !== "string" || requestId === "") return "an envelope without requestId";
  return requestId === headers["x-request-id"] ? undefined : "requestId is not the x-request-id header";
}
