import type { Answer } from "../../core/envelope.ts";
import type { Versioned } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { CountMap } from "../../core/count-map.ts";
import { inPlace } from "../../core/place.ts";
import { Unsent } from "../../core/unsent.ts";

type Next = (request: Versioned) => Promise<Answer>;
type Around = (request: Versioned, next: Next) => Promise<Answer>;

/**
 * Around all that follows `version`: one user's requests at the same time are at most `max`, over all of its
 * tenants, and the bytes of its answers that are not read `maxUnsent`; more is `key.busy`. Without it one partner's loop of
 * slow requests takes every place of all others. A place is held until the answer has been written (see `admission`).
 */
export function createConcurrencyLimit(deps: { readonly max: number; readonly maxUnsent: number }) {
  const inFlight = new CountMap();
  const unsent = new Unsent(deps.maxUnsent, "key.busy");
  return async (request: Versioned, next: Next): Promise<Answer> => {
    const user = String(request.principal.userId);
    if (inFlight.of(user) >= deps.max) throw new GatewayError("key.busy");
    unsent.admit(user);
    inFlight.take(user);
    const room = unsent.room(user, request);
    const work = async (): Promise<Answer> => {
      try {
        return room.keep(await next({ ...request, received: room.receive }));
      } catch (thrown) {
        room.leave();
        throw thrown;
      }
    };
    return await inPlace(request, () => inFlight.give(user), work);
  };
}

/** `inner` within `outer`: what is refused for being too much does not even get rechecked. */
export function inLimits(outer: Around, inner: Around): Around {
  return (request, next) => outer(request, (admitted) => inner(admitted, next));
}
