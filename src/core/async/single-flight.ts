import { GatewayError } from "../errors.ts";
import { CancellationSource, type Cancellation } from "./cancellation.ts";

/** One who waits for an outcome, until `leave` is called. */
interface Waiter<T> {
  readonly signal: Cancellation;
  readonly resolve: (outcome: T) => void;
  readonly reject: (error: unknown) => void;
  readonly leave: () => void;
}

/** Something under way whose outcome several wait for. */
export class SingleFlight<T> {
  readonly key: string;
  /** The request that began it. */
  readonly requestId: string;
  /** Ends when nobody waits any more. */
  readonly lifetime = new CancellationSource();
  readonly #close: () => void;
  #waiting: Waiter<T>[] = [];

  /** `close` is called when nobody may join it any more. */
  constructor(key: string, requestId: string, close: () => void) {
    this.key = key;
    this.requestId = requestId;
    this.#close = close;
  }

  /** The outcome, unless `signal` ends before; the last who leaves ends what is under way. */
  wait(signal: Cancellation): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { signal, resolve, reject, leave: () => this.#leave(waiter) };
      this.#waiting.push(waiter);
      if (signal.aborted) waiter.leave();
      else signal.addEventListener("abort", waiter.leave, { once: true });
    });
  }

  /** It is over, with that outcome. */
  land(outcome: T): void {
    for (const { resolve } of this.#end()) resolve(outcome);
  }

  /** It is over, in vain. */
  fail(error: unknown): void {
    for (const { reject } of this.#end()) reject(error);
  }

  #end(): readonly Waiter<T>[] {
    this.#close();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { signal, leave } of waiting) signal.removeEventListener("abort", leave);
    return waiting;
  }

  #leave(waiter: Waiter<T>): void {
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    const { reason } = waiter.signal;
    if (this.#waiting.length === 0) {
      this.#close();
      this.lifetime.abort(reason);
    }
    waiter.reject(reason instanceof Error ? reason : new GatewayError("gateway.fault"));
  }
}

/** So many come and go before the Map that they stand in is left for another. */
const TURNOVER = 512;

/**
 * What is under way, by a key that may be long. A Map, for V8's own hash of the key; and one after another, since it
 * changes with every request: V8's dead copies of one Map are a chain, which would keep keys and answers alive up to the
 * next full collection (see `core/swap-remove-set.ts`). With each new Map another chain begins.
 */
export class SingleFlights<T extends { readonly key: string }> {
  #flights = new Map<string, T>();
  #added = 0;

  find(key: string): T | undefined {
    return this.#flights.get(key);
  }

  /** Adds one whose key is not there. */
  add(one: T): void {
    this.#added += 1;
    if (this.#added > Math.max(TURNOVER, this.#flights.size)) this.#begin([...this.#flights]);
    this.#flights.set(one.key, one);
  }

  /** Removes this very one, if it is there. */
  delete(one: T): void {
    if (this.#flights.get(one.key) === one) this.#flights.delete(one.key);
  }

  #begin(flights: readonly (readonly [string, T])[]): void {
    this.#flights = new Map(flights);
    this.#added = 0;
  }
}
