import type { Clock } from "../core/clock.ts";
import type { Row } from "../core/status.ts";
import { Window } from "./window.ts";

/** How a request ended, by the status that the client saw. */
export type RequestOutcome = "answered" | "refused" | "failed";

/** 4xx is the client's to mend, 5xx is not. */
export function outcomeOf(status: number): RequestOutcome {
  return status >= 500 ? "failed" : status >= 400 ? "refused" : "answered";
}

/** The name of all that got none of their own. */
const OTHER = "other";
const SLOTS = 15;
const SLOT_MS = 60_000;

type Counts = Record<RequestOutcome, number>;

const NONE: Readonly<Counts> = { answered: 0, refused: 0, failed: 0 };

/**
 * Requests by name over the last quarter of an hour, for at most `size` names; what is beyond counts as `other`. A name
 * that has not been heard of in that time gives its place up, so that the busy ones have names, whoever came first.
 */
export class Counters {
  readonly #windows = new Map<string, Window<Counts>>();
  readonly #other: Window<Counts>;
  readonly #size: number;
  readonly #clock: Clock;
  /** The slot in which idle names were last looked for. */
  #lookedIn = -1;

  constructor(size: number, clock: Clock) {
    this.#size = size;
    this.#clock = clock;
    this.#other = windowOf(clock);
  }

  add(name: string, outcome: RequestOutcome): void {
    this.#windowFor(name).now[outcome] += 1;
  }

  /** Names with their counts, the busiest first; `other` last. */
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
   * True where names were idle and are gone. Looked for once in a slot, since none becomes idle but by the end of one:
   * where more are busy than have names, looking for each request would be most of what it costs.
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
