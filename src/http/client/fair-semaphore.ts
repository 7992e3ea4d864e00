import { GatewayError } from "../../core/errors.ts";
import { CountMap } from "../../core/count-map.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";

/** On whose account a place goes: the names of its holders, each of which has a share. */
export type Holders = readonly string[];

interface Waiter {
  readonly go: () => void;
  readonly holders: Holders;
}

/** How many places there are, how many may wait for one, and the part of both that one holder may have. */
export interface FairSemaphoreOptions {
  readonly places: number;
  readonly queue: number;
  /** Above 0, up to 1: where every holder may have all. */
  readonly share?: number;
}

const NOBODY: Holders = [];

/**
 * A bounded number of places, and a bounded queue for them. An HTTP client's own queue has no end: whoever asks in vain
 * would be kept in memory for as long as the CMS is slow. And no holder has more than its share of either: one whose
 * requests are slow would take them all, and everybody else would wait for it.
 */
export class FairSemaphore {
  #free: number;
  readonly #places: number;
  readonly #maxWaiting: number;
  readonly #maxHeld: number;
  readonly #maxWaitingEach: number;
  readonly #held = new CountMap();
  readonly #wanted = new CountMap();
  /** In the order in which they came. No Set: whoever stands in it comes and goes (see `SwapRemoveSet`). */
  readonly #waiting: Waiter[] = [];
  /** Those that are served when none of the others can be; they are bounded elsewhere. */
  readonly #yielding: Waiter[] = [];

  constructor({ places, queue, share = 1 }: FairSemaphoreOptions) {
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
    return this.#waiting.length + this.#yielding.length;
  }

  /**
   * Resolves with a place, first come first served among those who may have one more. Rejects with `tenant.busy` where
   * too many of one of the holders' own wait, with `gateway.busy` where too many wait in all, or as `signal` says.
   * Without a holder no share applies. With `yields` the place is given only where nobody else can have it, and the
   * caller bounds how many wait for such a one: the queue's length does not count them.
   */
  take(signal: Cancellation, holders = NOBODY, yields = false): Promise<void> {
    if (signal.aborted) return Promise.reject(asError(signal.reason));
    if (this.#free > 0 && this.#mayHold(holders)) {
      this.#give(holders);
      return Promise.resolve();
    }
    const refusal = yields ? undefined : this.#refusal(holders);
    if (refusal !== undefined) return Promise.reject(refusal);
    const queue = yields ? this.#yielding : this.#waiting;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#remove(queue, queue.indexOf(waiter));
        reject(asError(signal.reason));
      };
      const waiter: Waiter = {
        holders,
        go: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      queue.push(waiter);
      for (const holder of holders) this.#wanted.take(holder);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /**
   * Gives the holders' place back, to whoever has waited longest of those who may have one more. That can be several: a
   * place may lie free because each of the holders that wait has its share.
   */
  release(holders = NOBODY): void {
    this.#free += 1;
    for (const holder of holders) this.#held.give(holder);
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#give(next.holders);
      next.go();
    }
  }

  /** Takes the next one who may have a place out of its queue; `undefined` where there is none, or no place. */
  #next(): Waiter | undefined {
    if (this.#free === 0) return undefined;
    for (const queue of [this.#waiting, this.#yielding]) {
      const at = queue.findIndex(({ holders }) => this.#mayHold(holders));
      if (at !== -1) return this.#remove(queue, at);
    }
    return undefined;
  }

  /** Takes the one at that place out of the queue; nobody at -1. */
  #remove(queue: Waiter[], at: number): Waiter | undefined {
    if (at === -1) return undefined;
    const [waiter] = queue.splice(at, 1);
    for (const holder of waiter?.holders ?? NOBODY) this.#wanted.give(holder);
    return waiter;
  }

  #give(holders: Holders): void {
    this.#free -= 1;
    for (const holder of holders) this.#held.take(holder);
  }

  #mayHold(holders: Holders): boolean {
    return holders.every((holder) => this.#held.of(holder) < this.#maxHeld);
  }

  /** Why one more may not wait; `undefined` where it may. */
  #refusal(holders: Holders): GatewayError | undefined {
    const isShared = this.#maxWaitingEach < this.#maxWaiting;
    if (isShared && holders.some((holder) => this.#wanted.of(holder) >= this.#maxWaitingEach))
      return new GatewayError("tenant.busy", { cause: "its share of the CMS is in use" });
    return this.#waiting.length < this.#maxWaiting
      ? undefined
      : new GatewayError("gateway.busy", { cause: "every CMS connection is in use" });
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new GatewayError("gateway.fault", { cause: reason });
}
