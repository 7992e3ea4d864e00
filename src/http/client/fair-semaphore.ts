import { GatewayError } from "../../core/errors.ts";
import { CountMap } from "../../core/count-map.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";

/** The holders that a permit is counted for, by name. Each holder has a share. */
export type Holders = readonly string[];

interface Waiter {
  readonly grant: () => void;
  readonly holders: Holders;
}

/**
 * The number of permits (`places`), the length of the queue, and the part of both that one holder may have.
 */
export interface FairSemaphoreOptions {
  readonly places: number;
  readonly queue: number;
  /** Above 0, up to 1. With 1 every holder may have all. */
  readonly share?: number;
}

const NO_HOLDERS: Holders = [];

/**
 * A semaphore with a bounded queue and a share per holder. An HTTP client's own queue is unbounded: waiting
 * requests would pile up in memory while the CMS is slow. The share stops one holder with slow requests from
 * taking all permits and blocking the others.
 */
export class FairSemaphore {
  #free: number;
  readonly #places: number;
  readonly #maxWaiting: number;
  readonly #maxHeld: number;
  readonly #maxWaitingEach: number;
  readonly #held = new CountMap();
  readonly #queued = new CountMap();
  /**
   * The waiters in order of arrival. Not a Set, since waiters are added and removed often (see
   * `SwapRemoveSet`).
   */
  readonly #waiting: Waiter[] = [];
  /** The waiters that are served only if no other can be. The caller bounds their number. */
  readonly #yielding: Waiter[] = [];

  constructor({ places, queue, share = 1 }: FairSemaphoreOptions) {
    this.#free = places;
    this.#places = places;
    this.#maxWaiting = queue;
    this.#maxHeld = Math.max(1, Math.floor(places * share));
    this.#maxWaitingEach = Math.max(1, Math.floor(queue * share));
  }

  /** The number of permits in use. */
  get taken(): number {
    return this.#places - this.#free;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.#waiting.length + this.#yielding.length;
  }

  /**
   * Resolves with a permit, first come first served among the holders below their share. Rejects with
   * `tenant.busy` if too many requests of one holder wait, with `gateway.busy` if too many wait in all, or
   * with the reason of `signal`. Without a holder no share applies. With `yields`, the permit is given only
   * if no other waiter can have it. Such waiters do not count towards the queue's length: the caller bounds
   * their number.
   */
  take(signal: Cancellation, holders = NO_HOLDERS, yields = false): Promise<void> {
    if (signal.aborted) return Promise.reject(asError(signal.reason));
    if (this.#free > 0 && this.#mayHold(holders)) {
      this.#give(holders);
      return Promise.resolve();
    }
    const refusal = yields ? undefined : this.#refusal(holders);
    if (refusal !== undefined) return Promise.reject(refusal);
    const queue = yields ? this.#yielding : this.#waiting;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#remove(queue, queue.indexOf(waiter));
        reject(asError(signal.reason));
      };
      const waiter: Waiter = {
        holders,
        grant: () => {
          signal.removeEventListener("abort", abort);
          resolve();
        },
      };
      queue.push(waiter);
      for (const holder of holders) this.#queued.take(holder);
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  /**
   * Releases the holders' permit and gives free permits to the longest waiters below their share. This can
   * serve several waiters: a permit can be free because each waiting holder has its share.
   */
  release(holders = NO_HOLDERS): void {
    this.#free += 1;
    for (const holder of holders) this.#held.give(holder);
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#give(next.holders);
      next.grant();
    }
  }

  /** Takes the next eligible waiter out of its queue; `undefined` if there is none, or no permit. */
  #next(): Waiter | undefined {
    if (this.#free === 0) return undefined;
    for (const queue of [this.#waiting, this.#yielding]) {
      const at = queue.findIndex(({ holders }) => this.#mayHold(holders));
      if (at !== -1) return this.#remove(queue, at);
    }
    return undefined;
  }

  /** Takes the waiter at index `at` out of the queue; `undefined` at -1. */
  #remove(queue: Waiter[], at: number): Waiter | undefined {
    if (at === -1) return undefined;
    const [waiter] = queue.splice(at, 1);
    for (const holder of waiter?.holders ?? NO_HOLDERS) this.#queued.give(holder);
    return waiter;
  }

  #give(holders: Holders): void {
    this.#free -= 1;
    for (const holder of holders) this.#held.take(holder);
  }

  #mayHold(holders: Holders): boolean {
    return holders.every((holder) => this.#held.of(holder) < this.#maxHeld);
  }

  /** Returns the error for a full queue; `undefined` if one more may wait. */
  #refusal(holders: Holders): GatewayError | undefined {
    const isShared = this.#maxWaitingEach < this.#maxWaiting;
    if (isShared && holders.some((holder) => this.#queued.of(holder) >= this.#maxWaitingEach))
      return new GatewayError("tenant.busy", { cause: "its share of the CMS is in use" });
    return this.#waiting.length < this.#maxWaiting
      ? undefined
      : new GatewayError("gateway.busy", { cause: "every CMS connection is in use" });
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new GatewayError("gateway.fault", { cause: reason });
}
