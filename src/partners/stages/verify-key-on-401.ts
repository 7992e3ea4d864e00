import type { Versioned } from "../../core/context.ts";
import { GatewayError, toGatewayError } from "../../core/errors.ts";
import type { Keys } from "./authenticate.ts";

/**
 * Around all that follows `version`: where the CMS refuses the key's user, it is asked once more whose key it is.
 * Nobody's any longer is `key.rejected`, and everybody forgets it; still somebody's is the `key.forbidden` it was, and
 * costs the others with that key nothing: they go on by what is remembered, and a refusal soon after by the same answer.
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
