import { mint } from "../../core/brand.ts";
import type { Authenticated, Identity, Principal, Received } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { valuesOf, type RawHeaders } from "../../core/headers.ts";
import type { CachedLookup } from "../../core/ports.ts";
import { Secret } from "../../core/secret.ts";

/** The cached lookup of a key's user. */
export type Keys = CachedLookup<Secret, Identity>;

/**
 * Authenticates the client. From here on the raw key is a `Secret` in the principal, revealed only to build a
 * request to the CMS. Missing, malformed and unknown keys are all `key.rejected`. A key that could not be
 * verified rejects with `key.unverifiable`, which is not cached.
 */
export function createAuthenticate(deps: { readonly keys: Keys; readonly usersCollection: string }) {
  return async (request: Received): Promise<Authenticated> => {
    const { note } = request;
    note.stage = "authenticate";
    const credential = readKey(request.headers, deps.usersCollection);
    if (credential === undefined) throw new GatewayError("key.rejected");
    const { value: identity, via } = await deps.keys.find(credential, request);
    note.keyVia = via;
    if (identity === undefined) throw new GatewayError("key.rejected");
    note.userId = identity.userId;
    return { ...request, principal: mint<Principal>({ ...identity, credential }) };
  };
}

/**
 * Reads the key of a request: one `Authorization` header that is exactly `{collection} API-Key {key}`, case
 * and single spaces included. The key is visible ASCII without a comma (section 2 of the contract).
 */
export function readKey(headers: RawHeaders, usersCollection: string): Secret | undefined {
  const scheme = `${usersCollection} API-Key `;
  const [value, another] = valuesOf(headers, "authorization");
  if (value === undefined || another !== undefined || !value.startsWith(scheme)) return undefined;
  const key = value.slice(scheme.length);
  return /^[!-+\--~]{1,512}$/.test(key) ? new Secret(key) : undefined;
}
