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
  readonly link: InvalidationBus | undefined;
  /** Makes the other workers of this gateway forget, where there are any. Must not reject. */
  readonly others: ((kinds: readonly FactKind[]) => Promise<Delivery>) | undefined;
  readonly places: RedisKeys;
  readonly events: CacheEvents;
  /** Forgets in this process. */
  readonly flush: (kinds: readonly FactKind[]) => void;
}

const ALONE: Delivery = { peers: 0, acknowledged: 0, complete: true };

/** Makes everybody forget. However many ask, one invalidation is under way and one waits. */
export class Invalidator {
  readonly #options: InvalidatorOptions;
  readonly #rounds: BatchCoalescer<readonly FactKind[], Delivery>;
  #uncertainUntil = -Infinity;
  #cancelAgain: (() => void) | undefined;

  constructor(options: InvalidatorOptions) {
    this.#options = options;
    this.#rounds = new BatchCoalescer((wishes) => this.#carryOut([...new Set(wishes.flat())]));
  }

  /** Resolves when this process, its fellow workers, Redis and the living replicas have forgotten, or could not be made to in time. */
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
    const { link, others } = this.#options;
    return link === undefined && others === undefined ? Promise.resolve(ALONE) : this.#rounds.join(kinds);
  }

  /** Workers are told twice where there is Redis: they are replicas of each other, and hear it also when Redis is gone. */
  async #carryOut(kinds: readonly FactKind[]): Promise<Delivery> {
    const { link, others, places } = this.#options;
    const [byRedis, byPrimary] = await Promise.all([
      link?.tell({ type: "flush", kinds, distrust: false }, places.epochs(kinds)),
      others?.(kinds),
    ]);
    const told = byRedis ?? byPrimary ?? ALONE;
    return { ...told, complete: told.complete && (byPrimary?.complete ?? true) };
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
