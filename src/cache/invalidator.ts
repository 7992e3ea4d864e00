import type { CacheEvents, InvalidationReason } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { LookupKind } from "../core/ports.ts";
import { BatchCoalescer } from "../core/async/batch-coalescer.ts";
import type { InvalidationResult } from "./pending-acks.ts";
import type { InvalidationBus } from "./invalidation-bus.ts";
import { ALL_KINDS } from "./messages.ts";
import type { RedisKeys } from "./redis-keys.ts";

/**
 * How long invalidations repeat after a write without an answer, which the CMS may still carry out; and how
 * often.
 */
const UNCERTAIN_MS = 15_000;
const AGAIN_MS = 2_000;

export interface InvalidatorOptions {
  readonly clock: Clock;
  /** The other replicas, if Redis is configured. */
  readonly link: Pick<InvalidationBus, "tell"> | undefined;
  readonly places: RedisKeys;
  readonly events: CacheEvents;
  /** Invalidates in this process. */
  readonly flush: (kinds: readonly LookupKind[]) => void;
}

const ALONE: InvalidationResult = { peers: 0, acknowledged: 0, complete: true };

/**
 * Invalidates facts in all replicas. At most one invalidation is in flight; further calls share the next
 * one.
 */
export class Invalidator {
  readonly #options: InvalidatorOptions;
  readonly #rounds: BatchCoalescer<readonly LookupKind[], InvalidationResult>;
  #uncertainUntil = -Infinity;
  #cancelAgain: (() => void) | undefined;

  constructor(options: InvalidatorOptions) {
    this.#options = options;
    this.#rounds = new BatchCoalescer((wishes) => this.#carryOut([...new Set(wishes.flat())]));
  }

  /** Invalidates in this process, Redis and the live replicas. Resolves when done or timed out. */
  async invalidate(kinds: readonly LookupKind[], reason: InvalidationReason): Promise<InvalidationResult> {
    if (kinds.length === 0) return ALONE;
    const { clock, events } = this.#options;
    const begun = clock.now();
    this.#options.flush(kinds);
    if (reason === "uncertain") this.#repeat();
    const delivery = await this.#join(kinds);
    events.invalidated({ reason, kinds, ms: clock.now() - begun, ...delivery });
    return delivery;
  }

  /** Ends the repetitions, when the process ends. */
  close(): void {
    this.#cancelAgain?.();
  }

  #join(kinds: readonly LookupKind[]): Promise<InvalidationResult> {
    return this.#options.link === undefined ? Promise.resolve(ALONE) : this.#rounds.join(kinds);
  }

  async #carryOut(kinds: readonly LookupKind[]): Promise<InvalidationResult> {
    const { link, places } = this.#options;
    return (await link?.tell({ type: "flush", kinds, distrust: false }, places.epochs(kinds))) ?? ALONE;
  }

  /**
   * Repeats invalidations in one series for all uncertain writes, so that its cost does not grow with their
   * number.
   */
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
