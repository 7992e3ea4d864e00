import type { IncomingMessage } from "node:http";
import { isObject } from "../core/json.ts";
import { Secret } from "../core/secret.ts";
import { bearerOf, isSame } from "./token.ts";

/** The cached data to invalidate: of one key, one user or one tenant, or all. */
export type PurgeRequest =
  | { readonly what: "key"; readonly key: Secret }
  | { readonly what: "user" | "tenant"; readonly id: string }
  | { readonly what: "all" };

/**
 * The result of a purge. `complete` is false if a replica or Redis may use the cached data until its TTL
 * ends.
 */
export interface PurgeResult {
  readonly peers: number;
  readonly acknowledged: number;
  readonly complete: boolean;
}

export type Purge = (request: PurgeRequest) => Promise<PurgeResult>;

const MOST_BYTES = 4_096;

/**
 * Handles `POST /purge` with a bearer token and one of `{"key": "..."}`, `{"user": id}`, `{"tenant": id}`,
 * `{"all": true}`. Answers 200 if all replicas have invalidated the data. Answers 202 if some could not be
 * reached in time; their cached data expires by its TTL.
 */
export async function handlePurge(
  request: IncomingMessage,
  options: { readonly purge: Purge; readonly token: string | undefined },
): Promise<{ status: number; body: object }> {
  if (options.token === undefined) {
    return refusal(403, "Forbidden", "Set ADMIN_TOKEN (server.adminToken) to allow purging");
  }
  // Only as a bearer token: a browser would send a stored Basic password with a form of any other site.
  if (!isSame(bearerOf(request), options.token)) {
    return refusal(401, "Unauthorized", "Send the admin token as Authorization: Bearer <token>");
  }
  const wanted = readPurge(await readText(request).catch(() => ""));
  if (wanted === undefined) {
    const shapes = '{"key": "..."}, {"user": id}, {"tenant": id} or {"all": true}';
    return refusal(400, "Bad Request", `Expected one of ${shapes}`);
  }
  const result = await options.purge(wanted);
  return { status: result.complete ? 200 : 202, body: { purged: wanted.what, ...result } };
}

function refusal(status: number, error: string, message: string) {
  return { status, body: { error, message } };
}

function readPurge(text: string): PurgeRequest | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(body) || Object.keys(body).length !== 1) return undefined;
  const { key, user, tenant, all } = body;
  if (typeof key === "string" && key !== "") return { what: "key", key: new Secret(key) };
  if (isId(user)) return { what: "user", id: String(user) };
  if (isId(tenant)) return { what: "tenant", id: String(tenant) };
  return all === true ? { what: "all" } : undefined;
}

function isId(value: unknown): boolean {
  return (typeof value === "string" && value !== "") || typeof value === "number";
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MOST_BYTES) return "";
  }
  return text;
}
