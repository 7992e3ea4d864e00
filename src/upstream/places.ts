import { GatewayError } from "../core/errors.ts";
import { Holdings } from "../core/holdings.ts";
import type { Cancellation } from "../core/lifetime.ts";

interface Waiter {
  readonly go: () => void;
  readonly holder: string | undefined;
}

/** How many places there are, how many may wait for one, and the part of both that one holder may have. */
export interface PlacesOptions {
  readonly places: number;
  readonly queue: number;
  /** Above 0, up to 1: where every holder may have all. */
  readonly share?: number;
}

/**
 * A bounded number of places, and a bounded queue for them. An HTTP client's own queue has no end: whoever asks in vain
 * would be kept in memory for as long as the CMS is slow. And no holder has more than its share of either: one whose
 * requests are slow would take them all, and everybody else would wait for it.
 */
export class Places {
  #free: number;
  readonly #places: number;
  readonly #maxWaiting: number;
  readonly #maxHeld: number;
  readonly #maxWaitingEach: number;
  readonly #held = new Holdings();
  readonly #wanted = new Holdings();
  /** In the order in which they came. No Set: whoever stands in it comes and goes (see `Crowd`). */
  readonly #waiting: Waiter[] = [];

  constructor({ places, queue, share = 1 }: PlacesOptions) {
    this.#free = places;
    this.#places = places;
    this.#maxWaiting = queue;
    this.#maxHeld = Math.max(1, Math.floor(places * share));
    this.#maxWaitingEach = Math.max(1, Math.floor(queue * share));
  }

  /** How many places are taken. */
  get taken(): number {
    return this.#places - this.#free;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves with a place, first come first served among those who may have one more. Rejects with `tenant.busy` where
   * too many of the holder's own wait, with `gateway.busy` where too many wait in all, or as `signal` says. Without a
   * holder no share applies.
   */
  take(signal: Cancellation, holder?: string): Promise<void> {
    if (signal.aborted) return Promise.reject(asError(signal.reason));
    if (this.#free > 0 && this.#mayHold(holder)) {
      this.#give(holder);
      return Promise.resolve();
    }
    if (this.#maxWaitingEach < this.#maxWaiting && !this.#mayWait(holder)) {
      return Promise.reject(new GatewayError("tenant.busy", { cause: "its share of the CMS is in use" }));
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      return Promise.reject(new GatewayError("gateway.busy", { cause: "every CMS connection is in use" }));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#remove(this.#waiting.indexOf(waiter));
        reject(asError(signal.reason));
      };
      const waiter: Waiter = {
        holder,
        go: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      this.#waiting.push(waiter);
      if (holder !== undefined) this.#wanted.take(holder);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Gives the holder's place back, to whoever has waited longest of those who may have one more. */
  release(holder?: string): void {
    this.#free += 1;
    if (holder !== undefined) this.#held.give(holder);
    const next = this.#remove(this.#waiting.findIndex((waiter) => this.#mayHold(waiter.holder)));
    if (next === undefined) return;
    this.#give(next.holder);
    next.go();
  }

  /** Takes the one at that place out of the queue; nobody at -1. */
  #remove(at: number): Waiter | undefined {
    if (at === -1) return undefined;
    const [waiter] = this.#waiting.splice(at, 1);
    if (waiter?.holder !== undefined) this.#wanted.give(waiter.holder);
    return waiter;
  }

  #give(holder: string | undefined): void {
    this.#free -= 1;
    if (holder !== undefined) this.#held.take(holder);
  }

  #mayHold(holder: string | undefined): boolean {
    return holder === undefined || this.#held.of(holder) < this.#maxHeld;
  }

  #mayWait(holder: string | undefined): boolean {
    return holder === undefined || this.#wanted.of(holder) < this.#maxWaitingEach;
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new GatewayError("gateway.fault", { cause: reason });
}
