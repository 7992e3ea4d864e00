import type { Clock } from "../core/clock.ts";
import type { RedisBreaker } from "./redis-breaker.ts";
import type { Ack } from "./messages.ts";

/** The gate's `turn` until the connection to Redis is lost for the first time. */
const FIRST_TURN = 0;

/**
 * Decides whether a starting process trusts the contents of Redis. It does if another replica that trusts
 * Redis acknowledges its hello: that replica has received all earlier messages, and this process receives all
 * later ones. After the connection to Redis was lost once, acks no longer count: a removal by this process
 * may have been lost.
 */
export class Witness {
  readonly #gate: RedisBreaker;
  readonly #clock: Clock;
  readonly #patience: number;
  #askedAt: number | undefined;
  #hello: number | undefined;

  /** `patience` is the time within which a live replica answers, in milliseconds. */
  constructor(options: { readonly gate: RedisBreaker; readonly clock: Clock; readonly patience: number }) {
    this.#gate = options.gate;
    this.#clock = options.clock;
    this.#patience = options.patience;
  }

  /** Returns true while an ack may still arrive. The time starts at the first call. */
  mayCome(): boolean {
    const now = this.#clock.now();
    this.#askedAt ??= now;
    return this.#gate.turn === FIRST_TURN && now - this.#askedAt < this.#patience;
  }

  /** Called when this process receives its own hello: from then on it receives every message. */
  begin(hello: number): void {
    this.#hello = hello;
  }

  /**
   * Called when a message may be lost: the replica that acknowledges the hello may not have received it
   * either.
   */
  end(): void {
    this.#hello = undefined;
  }

  /** Opens the gate if the ack answers the hello of this process. */
  hear(ack: Ack | undefined): void {
    if (ack !== undefined && ack.seq === this.#hello) this.#gate.open(FIRST_TURN);
  }
}
