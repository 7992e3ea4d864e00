import type { Outgoing, UpstreamAnswer } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";
import { Lifetime, type Cancellation } from "../core/lifetime.ts";
import type { Asking, Upstream } from "../core/ports.ts";
import { Flights } from "./flights.ts";

/** An upstream whose reads are shared. */
export interface SharedReads extends Upstream {
  /** No read of this process joins from now on one that is under way: what that will say may be out of date. */
  forget(): void;
}

/** One who waits for a read, until `leave` is called. */
interface Waiter {
  readonly signal: Cancellation;
  readonly resolve: (answer: UpstreamAnswer) => void;
  readonly reject: (error: unknown) => void;
  readonly leave: () => void;
}

/** A read under way, and who waits for it. */
class Flight {
  readonly key: string;
  /** Whose read it is. */
  readonly requestId: string;
  /** Ends when nobody waits any more. */
  readonly lifetime = new Lifetime();
  readonly #close: () => void;
  #waiting: Waiter[] = [];

  /** `close` is called when nobody may join it any more. */
  constructor(key: string, requestId: string, close: () => void) {
    this.key = key;
    this.requestId = requestId;
    this.#close = close;
  }

  /** The answer, unless `signal` ends before; the last who leaves ends the read. */
  wait(signal: Cancellation): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { signal, resolve, reject, leave: () => this.#leave(waiter) };
      this.#waiting.push(waiter);
      if (signal.aborted) waiter.leave();
      else signal.addEventListener("abort", waiter.leave, { once: true });
    });
  }

  /** The read is over, with that answer. */
  land(answer: UpstreamAnswer): void {
    const waiting = this.#end();
    // One and the same for all, so that what is made of it has to be made once.
    const shared = waiting.length > 1 ? { ...answer, isShared: true } : answer;
    for (const { resolve } of waiting) resolve(shared);
  }

  /** The read is over, in vain. */
  fail(error: unknown): void {
    for (const { reject } of this.#end()) reject(error);
  }

  #end(): readonly Waiter[] {
    this.#close();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { signal, leave } of waiting) signal.removeEventListener("abort", leave);
    return waiting;
  }

  #leave(waiter: Waiter): void {
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    const { reason } = waiter.signal;
    if (this.#waiting.length === 0) {
      this.#close();
      this.lifetime.abort(reason);
    }
    waiter.reject(reason instanceof Error ? reason : new GatewayError("gateway.fault"));
  }
}

/**
 * The same upstream, of which reads under way at the same time that are equal to the byte but for their request id are
 * one: same target, same key, same tenant. Whatever a request is told was true after it came, as far as this gateway can
 * see to it: a read that began before a write was answered is not joined after it. A write is never shared.
 *
 * `elsewhere` makes the other workers forget, where there are any: their clients may know of the write as well.
 */
export function shareReads(upstream: Upstream, elsewhere?: () => Promise<unknown>): SharedReads {
  const flights = new Flights<Flight>();
  const begin = (key: string, outgoing: Outgoing, asking: Asking): Flight => {
    const flight: Flight = new Flight(key, asking.requestId, () => flights.delete(flight));
    flights.add(flight);
    upstream.send(outgoing, { ...asking, signal: flight.lifetime }).then(
      (answer) => flight.land(answer),
      (error: unknown) => flight.fail(error),
    );
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
      const joined = flights.find(key);
      if (joined === undefined) return begin(key, outgoing, asking).wait(asking.signal);
      asking.note.sharedWith = joined.requestId;
      return joined.wait(asking.signal);
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
