import type { Clock } from "../core/clock.ts";

/** The length and the resolution of a window. */
export interface WindowOptions<T> {
  readonly slots: number;
  /** The length of a slot in milliseconds. */
  readonly slot: number;
  readonly clock: Clock;
  /** Creates an empty slot. */
  readonly empty: () => T;
}

/**
 * The last `slots` time slots, in a ring buffer. Older slots are overwritten, so that the memory is bounded.
 */
export class Window<T> {
  readonly #options: WindowOptions<T>;
  readonly #ring: T[];
  #newest: number;

  constructor(options: WindowOptions<T>) {
    this.#options = options;
    this.#ring = Array.from({ length: options.slots }, () => options.empty());
    this.#newest = this.#index();
  }

  /** The slot of the current time. */
  get now(): T {
    this.#advance();
    return this.#at(this.#newest);
  }

  /** Returns every slot, oldest first. */
  all(): T[] {
    this.#advance();
    const { slots } = this.#options;
    return Array.from({ length: slots }, (_, i) => this.#at(this.#newest - slots + 1 + i));
  }

  /** Empties the slots whose time has passed since the last call. */
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
