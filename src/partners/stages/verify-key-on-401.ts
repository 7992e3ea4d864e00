import type { Versioned } from "../../core/context.ts";
import { GatewayError, toGatewayError } from "../../core/errors.ts";
import type { Keys } from "./authenticate.ts";

/**
 * Surrounds all stages after `version`. If the CMS refuses the key's user, the gateway looks the key up
 * again. A key that has no user any more is `key.rejected`, and is invalidated in every cache. A key that
 * still has a user keeps its `key.forbidden`. Other requests with that key keep using the cached lookup, and
 * refusals shortly after use the same answer.
 */
export function createVerifyKeyOn401(deps: { readonly keys: Keys }) {
  return async <T>(request: Versioned, next: (request: Versioned) => Promise<T>): Promise<T> => {
    try {
      return await next(request);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error.code !== "key.forbidden") throw error;
      const { value } = await deps.keys.confirm(request.principal.credential, request);
      throw value === undefined ? new GatewayError("key.rejected", { cause: error.cause }) : error;
    }
  };
}
