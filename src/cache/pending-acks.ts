import type { Clock } from "../core/clock.ts";
import type { Ack } from "./messages.ts";

/** The result of an invalidation; `complete` if Redis and all live replicas have carried it out. */
export interface InvalidationResult {
  readonly peers: number;
  readonly acknowledged: number;
  readonly complete: boolean;
}

interface Pending {
  /** The replicas that have not answered. Unknown until this replica has received its own message. */
  waiting: Set<string> | undefined;
  /** The replicas that have answered before that. */
  readonly early: Set<string>;
  peers: number;
  readonly end: (isComplete: boolean) => void;
}

/** The published messages that wait for acks. */
export class PendingAcks {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #pending = new Map<number, Pending>();

  constructor(clock: Clock, timeout: number) {
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** Resolves when all replicas have answered, after `giveUp`, or after the timeout. Never rejects. */
  async begin(seq: number): Promise<InvalidationResult> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const pending: Pending = { waiting: undefined, early: new Set(), peers: 0, end: resolve };
    this.#pending.set(seq, pending);
    const cancel = this.#clock.after(this.#timeout, () => resolve(false));
    const complete = await promise;
    cancel();
    this.#pending.delete(seq);
    const { peers, waiting } = pending;
    return { peers, acknowledged: peers - (waiting?.size ?? 0), complete };
  }

  giveUp(seq: number): void {
    this.#pending.get(seq)?.end(false);
  }

  /** Sets the replicas that have to answer. Some may have answered already. */
  expect(seq: number, peers: ReadonlySet<string>): void {
    const pending = this.#pending.get(seq);
    if (pending === undefined) return;
    pending.peers = peers.size;
    pending.waiting = peers.difference(pending.early);
    if (pending.waiting.size === 0) pending.end(true);
  }

  acknowledge(ack: Ack | undefined): void {
    const pending = ack === undefined ? undefined : this.#pending.get(ack.seq);
    if (ack !== undefined && pending !== undefined) answer(pending, ack.from);
  }

  /** Counts a replica that has sent a bye as answered: it serves no more requests. */
  leave(from: string): void {
    for (const pending of this.#pending.values()) answer(pending, from);
  }
}

function answer(pending: Pending, from: string): void {
  if (pending.waiting === undefined) pending.early.add(from);
  else if (pending.waiting.delete(from) && pending.waiting.size === 0) pending.end(true);
}
