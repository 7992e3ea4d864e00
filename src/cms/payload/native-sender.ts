import type { Outgoing } from "../../core/context.ts";
import { valuesOf, type RawHeaders } from "../../core/headers.ts";
import { isObject } from "../../core/json.ts";
import type { NativeRequest } from "../../core/ports.ts";
import { relatedId } from "./ids.ts";
import { path } from "./outgoing.ts";
import type { PayloadSettings } from "./settings.ts";

/**
 * The headers by which Payload identifies a user (`extractJWT`), and the headers that decide whether it
 * accepts a cookie.
 */
const CREDENTIALS = ["authorization", "cookie"];
const CONTEXT = ["origin", "sec-fetch-site"];

/**
 * Builds the `/me` request for the sender of a native request; `undefined` if the request has no credentials.
 */
export function senderLookup(
  { rawHeaders }: NativeRequest,
  settings: Pick<PayloadSettings, "cms">,
): Outgoing | undefined {
  const pairs = (names: readonly string[]): string[] =>
    names.flatMap((name) => valuesOf(rawHeaders, name).flatMap((value) => [name, value]));
  const credentials = pairs(CREDENTIALS);
  if (credentials.length === 0) return undefined;
  const collection = claimedCollection(rawHeaders) ?? settings.cms.users;
  const headers = ["accept", "application/json", ...credentials, ...pairs(CONTEXT)];
  return { method: "GET", target: path(settings, [collection, "me"], "depth=0"), headers };
}

/** True if the answer to `senderLookup` names a user. Otherwise Payload answers 200 with `"user": null`. */
export function namesUser(body: Record<string, unknown>): boolean {
  return isObject(body["user"]) && relatedId(body["user"]) !== undefined;
}

/**
 * Returns the auth collection that a token claims, unverified. Payload finds a user only by the `/me` of the
 * user's own collection, and administrators may have a collection apart from partners.
 */
function claimedCollection(raw: RawHeaders): string | undefined {
  const schemes = valuesOf(raw, "authorization").map((value) => value.split(" ")[1]);
  const cookies = valuesOf(raw, "cookie").flatMap((value) => value.split(";"));
  for (const token of [...schemes, ...cookies]) {
    const claim = claimOf(token?.split(".")[1]);
    if (claim !== undefined) return claim;
  }
  return undefined;
}

function claimOf(payload: string | undefined): string | undefined {
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    const collection = isObject(claims) ? claims["collection"] : undefined;
    return typeof collection === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(collection)
      ? collection
      : undefined;
  } catch {
    return undefined;
  }
}
