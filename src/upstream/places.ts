import { GatewayError } from "../core/errors.ts";

interface Waiter {
  readonly go: () => void;
}

/**
 * A bounded number of places, and a bounded queue for them. An HTTP client's own queue has no end: whoever asks in vain
 * would be kept in memory for as long as the CMS is slow.
 */
export class Places {
  #free: number;
  readonly #maxWaiting: number;
  readonly #waiting = new Set<Waiter>();

  constructor(places: number, maxWaiting: number) {
    this.#free = places;
    this.#maxWaiting = maxWaiting;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves with a place, first come first served; rejects with `gateway.busy` where too many wait, or as `signal` says. */
  take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(asError(signal.reason));
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    if (this.#waiting.size >= this.#maxWaiting) {
      return Promise.reject(new GatewayError("gateway.busy", { cause: "every CMS connection is in use" }));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        reject(asError(signal.reason));
      };
      const waiter: Waiter = {
        go: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      this.#waiting.add(waiter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Gives a place back, to whoever has waited longest. */
  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next.go();
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new GatewayError("gateway.fault", { cause: reason });
}
