import type { CacheEvents, InvalidationReason } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import type { FactKind } from "../core/ports.ts";
import { BatchCoalescer } from "../core/async/batch-coalescer.ts";
import type { Delivery } from "./pending-acks.ts";
import type { InvalidationBus } from "./invalidation-bus.ts";
import { ALL_KINDS } from "./messages.ts";
import type { RedisKeys } from "./redis-keys.ts";

/** A write whose answer never came may yet be carried out: for so long, it is followed by invalidations. */
const UNCERTAIN_MS = 15_000;
const AGAIN_MS = 2_000;

export interface InvalidatorOptions {
  readonly clock: Clock;
  /** The other replicas, if Redis is configured. */
  readonly link: Pick<InvalidationBus, "tell"> | undefined;
  readonly places: RedisKeys;
  readonly events: CacheEvents;
  /** Forgets in this process. */
  readonly flush: (kinds: readonly FactKind[]) => void;
}

const ALONE: Delivery = { peers: 0, acknowledged: 0, complete: true };

/** Invalidates facts in all replicas. However many callers there are, one invalidation is under way and one waits. */
export class Invalidator {
  readonly #options: InvalidatorOptions;
  readonly #rounds: BatchCoalescer<readonly FactKind[], Delivery>;
  #uncertainUntil = -Infinity;
  #cancelAgain: (() => void) | undefined;

  constructor(options: InvalidatorOptions) {
    this.#options = options;
    this.#rounds = new BatchCoalescer((wishes) => this.#carryOut([...new Set(wishes.flat())]));
  }

  /** Resolves when this process, Redis and the living replicas have invalidated the facts, or `redis.ackTimeout` is over. */
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
    return this.#options.link === undefined ? Promise.resolve(ALONE) : this.#rounds.join(kinds);
  }

  async #carryOut(kinds: readonly FactKind[]): Promise<Delivery> {
    const { link, places } = this.#options;
    return (await link?.tell({ type: "flush", kinds, distrust: false }, places.epochs(kinds))) ?? ALONE;
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
