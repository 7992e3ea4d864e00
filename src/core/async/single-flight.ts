import { GatewayError } from "../errors.ts";
import { CancellationSource, type Cancellation } from "./cancellation.ts";

/** A request that waits for the outcome, until `leave` is called. */
interface Waiter<T> {
  readonly signal: Cancellation;
  readonly resolve: (outcome: T) => void;
  readonly reject: (error: unknown) => void;
  readonly leave: () => void;
}

/** Work in flight whose outcome several requests share. */
export class SingleFlight<T> {
  readonly key: string;
  /** The id of the request that began it. */
  readonly requestId: string;
  /** Aborts when no request waits for the outcome. */
  readonly lifetime = new CancellationSource();
  readonly #close: () => void;
  #waiting: Waiter<T>[] = [];

  /** `close` is called when no further request may join. */
  constructor(key: string, requestId: string, close: () => void) {
    this.key = key;
    this.requestId = requestId;
    this.#close = close;
  }

  /**
   * Resolves with the outcome, or rejects if `signal` aborts first. The work is aborted when the last request
   * leaves.
   */
  wait(signal: Cancellation): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { signal, resolve, reject, leave: () => this.#leave(waiter) };
      this.#waiting.push(waiter);
      if (signal.aborted) waiter.leave();
      else signal.addEventListener("abort", waiter.leave, { once: true });
    });
  }

  /** Resolves all waiting requests. */
  land(outcome: T): void {
    for (const { resolve } of this.#end()) resolve(outcome);
  }

  /** Rejects all waiting requests. */
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

/** The number of additions after which the Map is replaced by a new one. */
const TURNOVER = 512;

/**
 * The flights by a key that may be long. V8 caches the hash of the key, so a Map is fast. The Map is replaced
 * from time to time, because it changes with every request. V8 chains the old tables of one Map, and the
 * chain would keep keys and answers alive until the next full collection (see `core/swap-remove-set.ts`).
 */
export class SingleFlights<T extends { readonly key: string }> {
  #flights = new Map<string, T>();
  #added = 0;

  find(key: string): T | undefined {
    return this.#flights.get(key);
  }

  /** Adds a flight whose key is not in the Map. */
  add(one: T): void {
    this.#added += 1;
    if (this.#added > Math.max(TURNOVER, this.#flights.size)) this.#begin([...this.#flights]);
    this.#flights.set(one.key, one);
  }

  /** Removes this flight, unless another one has its key. */
  delete(one: T): void {
    if (this.#flights.get(one.key) === one) this.#flights.delete(one.key);
  }

  #begin(flights: readonly (readonly [string, T])[]): void {
    this.#flights = new Map(flights);
    this.#added = 0;
  }
}
