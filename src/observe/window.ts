import type { Clock } from "../core/clock.ts";

/** How long a window looks back, and in what steps. */
export interface WindowOptions<T> {
  readonly slots: number;
  /** Length of a slot in milliseconds. */
  readonly slot: number;
  readonly clock: Clock;
  /** An empty slot. */
  readonly empty: () => T;
}

/** The last `slots` slots of time, in a ring: what is older is gone, so that a year of traffic takes no more memory. */
export class Window<T> {
  readonly #options: WindowOptions<T>;
  readonly #ring: T[];
  #newest: number;

  constructor(options: WindowOptions<T>) {
    this.#options = options;
    this.#ring = Array.from({ length: options.slots }, () => options.empty());
    this.#newest = this.#index();
  }

  /** The slot that is filling. */
  get now(): T {
    this.#advance();
    return this.#at(this.#newest);
  }

  /** Every slot, oldest first. */
  all(): T[] {
    this.#advance();
    const { slots } = this.#options;
    return Array.from({ length: slots }, (_, i) => this.#at(this.#newest - slots + 1 + i));
  }

  /** Empties the slots that time has passed over since. */
  #advance(): void {
    const { slots, empty } = this.#options;
    const index = this.#index();
    const from = Math.max(this.#newest + 1, index - slots + 1);
    for (let i = from; i <= index; i += 1) this.#ring[this.#place(i)] = empty();
    this.#newest = index;
  }

  #index(): number {
    const { clock, slot } = this.#options;
    return Math.floor(clock.now() / slot);
  }

  #at(index: number): T {
    return this.#ring[this.#place(index)] ?? this.#options.empty();
  }

  #place(index: number): number {
    const { slots } = this.#options;
    return ((index % slots) + slots) % slots;
  }
}
