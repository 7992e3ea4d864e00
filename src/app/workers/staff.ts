import type { Delivery } from "../../cache/pending-acks.ts";
import { withTimeout } from "../../cache/with-timeout.ts";
import type { Config } from "../../config/schema.ts";
import type { Clock } from "../../core/clock.ts";
import type { FactKind } from "../../core/ports.ts";
import type { Log } from "../../observe/log.ts";
import { Gone } from "./calls.ts";
import { handOver } from "./hand-over.ts";
import { Hand } from "./hand.ts";
import { Post } from "./post.ts";
import type { Failure, PrimarySide, WorkerSide } from "./sides.ts";
import { watch } from "./watch.ts";

export interface StaffOptions {
  readonly workers: number;
  readonly clock: Clock;
  readonly log: Log;
  /** What each worker is to do by now. */
  readonly config: () => Config;
  /** The longest that a worker waits for the others to have forgotten, in milliseconds. */
  readonly ackTimeout: number;
  /** The longest that a worker may give no sign of life, in milliseconds. */
  readonly hangTimeout: number;
  /** Told when a worker is started in the place of another. */
  readonly onRestart: () => void;
  /** Told when a worker has ended. */
  readonly onEnd: (hand: Hand) => void;
}

/** The longest that one who is told to end at once may take to write its last lines, in milliseconds. */
const HURRY_MS = 500;

/** The workers of a gateway: started, asked, told, replaced and ended. */
export class Staff {
  readonly #options: StaffOptions;
  readonly #posts: readonly Post<Hand>[];
  readonly #hands = new Set<Hand>();
  #opening: { readonly resolve: (port: number) => void; readonly reject: (error: Error) => void } | undefined;
  #isStopping = false;
  #endWatch: (() => void) | undefined;

  constructor(options: StaffOptions) {
    this.#options = options;
    this.#posts = Array.from({ length: options.workers }, (_, i) => new Post(i + 1));
  }

  /** Those who can be asked, in the order of their numbers; one that is about to end among them. */
  get hands(): readonly Hand[] {
    return [...this.#hands].filter(({ hasBegun }) => hasBegun).toSorted((a, b) => a.number - b.number);
  }

  /** True where every place is taken by one who serves. */
  get isComplete(): boolean {
    return this.#posts.every(({ hand }) => hand?.isOpen === true);
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /**
   * Starts all. Resolves with the port once all serve; rejects where one cannot, with its reason. The first alone: one
   * that cannot listen says so for all, and Node (24.21) does not bear that two are told at once that a port is taken.
   */
  async open(): Promise<number> {
    const [first, ...others] = this.#posts;
    const port = first === undefined ? 0 : await this.#openOne(first);
    for (const post of others) await this.#openOne(post);
    this.#endWatch = this.#watch();
    return port;
  }

  /** Asks everybody. `undefined` is the answer of who did not give one within `ms`, for whatever reason. */
  async ask<K extends keyof WorkerSide>(
    ms: number,
    name: K,
    ...given: Parameters<WorkerSide[K]>
  ): Promise<Map<Hand, Awaited<ReturnType<WorkerSide[K]>> | undefined>> {
    const answers = this.hands.map(
      async (hand): Promise<[Hand, Awaited<ReturnType<WorkerSide[K]>> | undefined]> => {
        const asked = hand.calls.ask(name, ...given);
        return [hand, await hand.inTime(asked, ms, this.#options.clock).catch(() => undefined)];
      },
    );
    return new Map(await Promise.all(answers));
  }

  /** Has everybody go over to the configuration as it is by now. Whoever cannot build it is replaced. */
  async reload(): Promise<void> {
    const { clock, log, config } = this.#options;
    await Promise.all(this.hands.map((hand) => handOver(hand, { config: config(), clock, log })));
  }

  /** Drains and ends all. Rejects where one did not end as it should. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#endWatch?.();
    const ends = [...this.#hands].map(async (hand) => {
      if (hand.hasBegun) hand.calls.ask("stop").catch(() => undefined);
      else hand.kill("SIGKILL");
      return hand.hasBegun ? await hand.ended : 0;
    });
    const worst = (await Promise.all(ends)).find((end) => end !== 0);
    if (worst !== undefined) throw new Error(`a worker ended with ${worst}`);
  }

  /** Ends all at once: whoever can still writes its last lines, whoever cannot is killed. */
  async hurry(): Promise<void> {
    this.#isStopping = true;
    this.#endWatch?.();
    const ended = [...this.#hands].map(({ calls, ended: end }) => {
      calls.ask("end").catch(() => undefined);
      return end;
    });
    await withTimeout(Promise.all(ended), HURRY_MS, this.#options.clock).catch(() => undefined);
    this.kill();
  }

  /** Kills whoever is left, so that none outlives the primary. */
  kill(): void {
    for (const hand of this.#hands) hand.kill("SIGKILL");
  }

  /** Of those who have begun: whoever is still loading its program says nothing for as long as that takes. */
  #watch(): () => void {
    const { clock, log, hangTimeout } = this.#options;
    const onHang = (hand: Hand): void => {
      log.error({ worker: hand.number, pid: hand.pid }, "worker hangs: it is killed");
      hand.kill("SIGKILL");
    };
    return watch({ clock, patience: hangTimeout, hands: () => this.hands, onHang });
  }

  #openOne(post: Post<Hand>): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#fill(post);
    });
  }

  #fill(post: Post<Hand>): void {
    if (this.#isStopping) return;
    const hand = new Hand(post.number, (own) => this.#sideFor(post, own));
    this.#hands.add(hand);
    post.take(hand, this.#options.clock.now());
    void this.#outlive(hand, post);
  }

  async #outlive(hand: Hand, post: Post<Hand>): Promise<void> {
    const { number: worker, pid } = hand;
    const exit = await hand.ended;
    this.#hands.delete(hand);
    this.#options.onEnd(hand);
    if (this.#isStopping) return;
    if (this.#opening !== undefined)
      return this.#opening.reject(new Error(`worker ${worker} ended with ${exit} before all served`));
    this.#options.log[exit === 0 ? "info" : "error"]({ worker, pid, exit }, "worker ended");
    this.#replace(post, hand);
  }

  #replace(post: Post<Hand>, hand: Hand): void {
    const { clock, onRestart } = this.#options;
    if (this.#isStopping || this.#opening !== undefined) return;
    const wait = post.leave(hand, clock.now());
    if (wait === undefined) return;
    clock.after(wait, () => {
      if (this.#isStopping) return;
      onRestart();
      this.#fill(post);
    });
  }

  #sideFor(post: Post<Hand>, hand: Hand): PrimarySide {
    return {
      begin: async () => {
        hand.hasBegun = true;
        return { worker: hand.number, config: this.#options.config() };
      },
      opened: async (port) => {
        hand.isOpen = true;
        this.#options.log.info({ worker: hand.number, pid: hand.pid }, "worker serves");
        this.#opening?.resolve(port);
        this.#opening = undefined;
      },
      failed: async (failure) => {
        const { number: worker } = hand;
        if (this.#opening !== undefined) this.#opening.reject(errorOf(failure));
        else this.#options.log.error({ worker, cause: failure.message }, "worker cannot serve");
      },
      leaving: async () => {
        hand.isOpen = false;
        this.#replace(post, hand);
      },
      forget: (kinds) => this.#forget(kinds, hand),
    };
  }

  /** Makes all but one forget. One that is silent already is told and not waited for: every write would wait for it. */
  async #forget(kinds: readonly FactKind[], but: Hand): Promise<Delivery> {
    const { ackTimeout, clock } = this.#options;
    const others = this.hands.filter((hand) => hand !== but);
    const told = others.map(async (hand): Promise<boolean> => {
      const done = hand.calls.ask("forget", kinds).then(
        () => true,
        // What has ended remembers nothing.
        (error: unknown) => error instanceof Gone,
      );
      if (hand.isSilent) return false;
      return hand.inTime(done, ackTimeout, clock).catch(() => false);
    });
    const acknowledged = (await Promise.all(told)).filter(Boolean).length;
    return { peers: others.length, acknowledged, complete: acknowledged === others.length };
  }
}

function errorOf({ name, message, stack }: Failure): Error {
  return Object.assign(new Error(message), { name, stack });
}
