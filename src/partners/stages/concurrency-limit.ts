import type { Answer } from "../../core/envelope.ts";
import type { Versioned } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { CountMap } from "../../core/count-map.ts";
import { withSlot } from "../../core/async/with-slot.ts";
import { BufferedBytesLimiter } from "../../core/buffered-bytes.ts";

type Next = (request: Versioned) => Promise<Answer>;
type Around = (request: Versioned, next: Next) => Promise<Answer>;

/**
 * Surrounds all stages after `version`. A user has at most `max` requests in flight over all of its
 * tenants, and at most `maxUnsent` bytes of unread answers; more is `key.busy`. Without the limit, one
 * partner's loop of slow requests would use the capacity of all others. A request counts until its answer has
 * been written (see `admission`).
 */
export function createConcurrencyLimit(deps: { readonly max: number; readonly maxUnsent: number }) {
  const inFlight = new CountMap();
  const unsent = new BufferedBytesLimiter(deps.maxUnsent, "key.busy");
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
    return await withSlot(request, () => inFlight.give(user), work);
  };
}

/** Puts `inner` within `outer`: a request over the limit does not cause another lookup of the key. */
export function withLimits(outer: Around, inner: Around): Around {
  return (request, next) => outer(request, (admitted) => inner(admitted, next));
}
