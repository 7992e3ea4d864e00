import type { Clock } from "../core/clock.ts";
import type { Row } from "../core/status.ts";
import { Window } from "./window.ts";

/** The outcome of a request, by the status that the client received. */
export type RequestOutcome = "answered" | "refused" | "failed";

/** Classifies a status: a 4xx is the client's error, a 5xx is not. */
export function outcomeOf(status: number): RequestOutcome {
  return status >= 500 ? "failed" : status >= 400 ? "refused" : "answered";
}

/** The name for all requests beyond the limit of names. */
const OTHER = "other";
const SLOTS = 15;
const SLOT_MS = 60_000;

type Counts = Record<RequestOutcome, number>;

const NONE: Readonly<Counts> = { answered: 0, refused: 0, failed: 0 };

/**
 * Requests by name over the last 15 minutes, for at most `size` names. Requests of further names count as
 * `other`. A name without requests in that time frees its slot, so that busy names have a row even if they
 * came late.
 */
export class Counters {
  readonly #windows = new Map<string, Window<Counts>>();
  readonly #other: Window<Counts>;
  readonly #size: number;
  readonly #clock: Clock;
  /** The time slot of the last search for idle names. */
  #lookedIn = -1;

  constructor(size: number, clock: Clock) {
    this.#size = size;
    this.#clock = clock;
    this.#other = windowOf(clock);
  }

  add(name: string, outcome: RequestOutcome): void {
    this.#windowFor(name).now[outcome] += 1;
  }

  /** Returns the names with their counts, the busiest first and `other` last. */
  rows(): Row[] {
    const busy = [...this.#windows]
      .map(([name, window]) => ({ name, ...sum(window) }))
      .filter((row) => total(row) > 0)
      .toSorted((a, b) => total(b) - total(a) || (a.name < b.name ? -1 : 1));
    const other = sum(this.#other);
    return total(other) === 0 ? busy : [...busy, { name: OTHER, ...other }];
  }

  #windowFor(name: string): Window<Counts> {
    if (name === OTHER) return this.#other;
    const known = this.#windows.get(name);
    if (known !== undefined) return known;
    if (this.#windows.size >= this.#size && !this.#evict()) return this.#other;
    const window = windowOf(this.#clock);
    this.#windows.set(name, window);
    return window;
  }

  /**
   * Removes idle names and returns true if a slot became free. The search runs once per time slot, since
   * names become idle only at the end of a slot. With more busy names than slots, a search per request would
   * dominate its cost.
   */
  #evict(): boolean {
    const slot = Math.floor(this.#clock.now() / SLOT_MS);
    if (slot === this.#lookedIn) return false;
    this.#lookedIn = slot;
    for (const [name, window] of this.#windows) if (total(sum(window)) === 0) this.#windows.delete(name);
    return this.#windows.size < this.#size;
  }
}

function plus(one: Counts = NONE, another: Counts = NONE): Counts {
  return {
    answered: one.answered + another.answered,
    refused: one.refused + another.refused,
    failed: one.failed + another.failed,
  };
}

function windowOf(clock: Clock): Window<Counts> {
  return new Window({
    slots: SLOTS,
    slot: SLOT_MS,
    clock,
    empty: () => ({ ...NONE }),
  });
}

function sum(window: Window<Counts>): Counts {
  return window.all().reduce<Counts>(plus, NONE);
}

function total({ answered, refused, failed }: Counts): number {
  return answered + refused + failed;
}
