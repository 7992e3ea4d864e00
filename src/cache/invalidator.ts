import type { CacheEvents, InvalidationReason } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { FactKind } from "../core/ports.ts";
import type { Delivery } from "./deliveries.ts";
import type { Link } from "./link.ts";
import { ALL_KINDS } from "./messages.ts";
import type { Places } from "./places.ts";

/** A write whose answer never came may yet be carried out: for so long, it is followed by invalidations. */
const UNCERTAIN_MS = 15_000;
const AGAIN_MS = 2_000;

export interface InvalidatorOptions {
  readonly clock: Clock;
  readonly link: Link | undefined;
  readonly places: Places;
  readonly events: CacheEvents;
  /** Forgets in this process. */
  readonly flush: (kinds: readonly FactKind[]) => void;
}

/** Callers who wait for the same invalidation, the next to begin. */
interface Batch {
  readonly kinds: Set<FactKind>;
  readonly done: Promise<Delivery>;
}

const ALONE: Delivery = { peers: 0, acknowledged: 0, complete: true };

/**
 * Makes everybody forget. However many ask, one invalidation is under way and one waits: whoever comes while one is
 * under way needs the next, since what changed for him may have changed after the one that began before.
 */
export class Invalidator {
  readonly #options: InvalidatorOptions;
  #current: Promise<unknown> | undefined;
  #next: Batch | undefined;
  #uncertainUntil = -Infinity;
  #cancelAgain: (() => void) | undefined;

  constructor(options: InvalidatorOptions) {
    this.#options = options;
  }

  /** Resolves when this process, Redis and the living replicas have forgotten, or could not be made to in time. */
  async invalidate(kinds: readonly FactKind[], reason: InvalidationReason): Promise<Delivery> {
    if (kinds.length === 0) return ALONE;
    const { clock, events } = this.#options;
    const begun = clock.now();
    this.#options.flush(kinds);
    if (reason === "uncertain") this.#repeat();
    const delivery = await this.#join(kinds);
    events.invalidated({ reason, kinds, ms: clock.now() - begun, ...delivery });
    return delivery;
  }

  /** Ends the repetitions: at the end of the process there is nothing left to protect. */
  close(): void {
    this.#cancelAgain?.();
  }

  #join(kinds: readonly FactKind[]): Promise<Delivery> {
    const { link } = this.#options;
    if (link === undefined) return Promise.resolve(ALONE);
    if (this.#next !== undefined) {
      for (const kind of kinds) this.#next.kinds.add(kind);
      return this.#next.done;
    }
    const wanted = new Set(kinds);
    const done = Promise.resolve(this.#current).then(() => {
      this.#next = undefined;
      const current = this.#carryOut(link, [...wanted]);
      this.#current = current;
      return current;
    });
    this.#next = { kinds: wanted, done };
    return done;
  }

  #carryOut(link: Link, kinds: readonly FactKind[]): Promise<Delivery> {
    const epochs = kinds.map((kind) => this.#options.places.epoch(kind));
    return link.tell({ type: "flush", kinds, distrust: false }, epochs);
  }

  /** One series for all uncertain writes: what a flood of them costs must not grow with it. */
  #repeat(): void {
    const { clock, flush } = this.#options;
    this.#uncertainUntil = clock.now() + UNCERTAIN_MS;
    if (this.#cancelAgain !== undefined) return;
    const again = () => {
      flush(ALL_KINDS);
      void this.#join(ALL_KINDS);
      const isOver = clock.now() >= this.#uncertainUntil;
      this.#cancelAgain = isOver ? undefined : clock.after(AGAIN_MS, again);
    };
    this.#cancelAgain = clock.after(AGAIN_MS, again);
  }
}
