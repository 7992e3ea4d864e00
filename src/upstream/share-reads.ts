import { LRUCache } from "lru-cache";
import type { Outgoing, UpstreamAnswer } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";
import { Lifetime } from "../core/lifetime.ts";
import type { Asking, Upstream } from "../core/ports.ts";

/** An upstream whose reads are shared. */
export interface SharedReads extends Upstream {
  /** No read of this process joins from now on one that is under way: what that will say may be out of date. */
  forget(): void;
}

/** A read under way, and how many wait for it. */
interface Flight {
  readonly requestId: string;
  readonly answer: Promise<UpstreamAnswer>;
  readonly lifetime: Lifetime;
  /** Nobody joins it any more. */
  readonly close: () => void;
  waiting: number;
}

/** Reads that can be joined at the same time; more than that go out, and nobody joins the oldest. */
const MOST = 4_096;

/**
 * The same upstream, of which reads under way at the same time that are equal to the byte but for their request id are
 * one: same target, same key, same tenant. Whatever a request is told was true after it came, as far as this gateway can
 * see to it: a read that began before a write was answered is not joined after it. A write is never shared.
 *
 * `elsewhere` makes the other workers forget, where there are any: their clients may know of the write as well.
 */
export function shareReads(upstream: Upstream, elsewhere?: () => Promise<unknown>): SharedReads {
  // Not a Map, whose dead copies would keep whole answers alive (see `core/crowd.ts`): this one's values stand in a list.
  const flights = new LRUCache<string, Flight>({ max: MOST });
  const begin = (key: string, outgoing: Outgoing, asking: Asking): Flight => {
    const lifetime = new Lifetime();
    const { requestId } = asking;
    const close = (): void => {
      if (flights.peek(key) === flight) flights.delete(key);
    };
    const answer = upstream.send(outgoing, { ...asking, signal: lifetime });
    const flight: Flight = { requestId, answer, lifetime, close, waiting: 0 };
    flights.set(key, flight);
    answer.then(close, close);
    return flight;
  };
  return {
    async send(outgoing, asking) {
      if (outgoing.method !== "GET") {
        try {
          return await upstream.send(outgoing, asking);
        } finally {
          // However it ended: one whose answer was lost may have happened.
          flights.clear();
          if (elsewhere !== undefined) await elsewhere();
        }
      }
      const key = keyOf(outgoing);
      const joined = flights.get(key);
      if (joined === undefined) return waitFor(begin(key, outgoing, asking), asking);
      asking.note.sharedWith = joined.requestId;
      return waitFor(joined, asking);
    },
    forget: () => flights.clear(),
  };
}

/** All that the CMS would see of a read, but for its id. Holds the key for as long as the request that holds it anyway. */
function keyOf({ target, headers }: Outgoing): string {
  let key = target;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i] !== "x-request-id") key += `\n${headers[i]}: ${headers[i + 1]}`;
  }
  return key;
}

/** The answer, unless `asking` ends before; the last who leaves ends the read. */
function waitFor(flight: Flight, { signal }: Asking): Promise<UpstreamAnswer> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        flight.close();
        flight.lifetime.abort(signal.reason);
      }
      reject(signal.reason instanceof Error ? signal.reason : new GatewayError("gateway.fault"));
    };
    flight.waiting += 1;
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    flight.answer.finally(() => signal.removeEventListener("abort", leave)).then(resolve, reject);
  });
}
