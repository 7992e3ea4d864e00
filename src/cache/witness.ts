import type { Clock } from "../core/clock.ts";
import type { RedisBreaker } from "./redis-breaker.ts";
import type { Ack } from "./messages.ts";

/** The gate's turn until sight of Redis is lost for the first time. */
const FIRST_TURN = 0;

/**
 * By whose word a process that starts believes what it finds in Redis: another's who trusts Redis and has heard our
 * hello. He was told all that was said before we could hear it, and from there on we watch as he does. Once sight of
 * Redis was lost, nobody's word counts: what went unseen may be a removal of our own.
 */
export class Witness {
  readonly #gate: RedisBreaker;
  readonly #clock: Clock;
  readonly #patience: number;
  #askedAt: number | undefined;
  #hello: number | undefined;

  /** `patience`: how long a living replica may take to answer, in milliseconds. */
  constructor(options: { readonly gate: RedisBreaker; readonly clock: Clock; readonly patience: number }) {
    this.#gate = options.gate;
    this.#clock = options.clock;
    this.#patience = options.patience;
  }

  /** True while one may yet speak up: from the first time that this is asked. */
  mayCome(): boolean {
    const now = this.#clock.now();
    this.#askedAt ??= now;
    return this.#gate.turn === FIRST_TURN && now - this.#askedAt < this.#patience;
  }

  /** Our hello of that number has come back: from there on we hear everything ourselves. */
  begin(hello: number): void {
    this.#hello = hello;
  }

  /** Something may have been missed, which who answered that hello had not been told either. */
  end(): void {
    this.#hello = undefined;
  }

  /** Opens the gate, if the ack is one of our hello. */
  hear(ack: Ack | undefined): void {
    if (ack !== undefined && ack.seq === this.#hello) this.#gate.open(FIRST_TURN);
  }
}
