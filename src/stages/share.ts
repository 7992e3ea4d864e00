import type { Answer } from "../core/envelope.ts";
import type { Versioned } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";

type Next = (request: Versioned) => Promise<Answer>;
type Around = (request: Versioned, next: Next) => Promise<Answer>;

/**
 * Around all that follows `version`: one user's requests at the same time are at most `max`, over all of its
 * tenants; one more is `key.busy`. Without it one partner's loop of slow requests takes every place of all others.
 */
export function createShare(deps: { readonly max: number }) {
  const inFlight = new Map<string, number>();
  return async (request: Versioned, next: Next): Promise<Answer> => {
    const user = String(request.principal.userId);
    const count = inFlight.get(user) ?? 0;
    if (count >= deps.max) throw new GatewayError("key.busy");
    inFlight.set(user, count + 1);
    try {
      return await next(request);
    } finally {
      const left = (inFlight.get(user) ?? 1) - 1;
      // Removed, not left at zero: a map that remembers everybody who ever called only grows.
      if (left === 0) inFlight.delete(user);
      else inFlight.set(user, left);
    }
  };
}

/** `inner` within `outer`: what is refused for being too much does not even get rechecked. */
export function inShare(outer: Around, inner: Around): Around {
  return (request, next) => outer(request, (admitted) => inner(admitted, next));
}
