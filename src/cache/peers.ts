/** A replica that said nothing for so long, without a goodbye, is no longer waited for. */
const GONE_MS = 3_000;

/** More names than that are not replicas but somebody who plays with the channel. */
const MOST = 1_000;

interface Peer {
  /** The highest number heard: in a Cluster, messages that went by different nodes may change places. */
  seq: number;
  at: number;
  hasLeft: boolean;
}

/** Who else is there: the replicas as heard on the channel, and whether anything of theirs was missed. */
export class Peers {
  readonly #heard = new Map<string, Peer>();

  /** Notes a message. False where messages of the same sender before it were missed. */
  hear(from: string, seq: number, now: number): boolean {
    const peer = this.#heard.get(from);
    if (peer === undefined) {
      if (this.#heard.size < MOST) this.#heard.set(from, { seq, at: now, hasLeft: false });
      return true;
    }
    const isNext = seq <= peer.seq + 1;
    peer.seq = Math.max(peer.seq, seq);
    peer.at = now;
    return isNext;
  }

  /** Counts all silences from now: it was we who did not hear. */
  excuse(now: number): void {
    for (const peer of this.#heard.values()) peer.at = now;
  }

  /** The sender has said goodbye, which is its last message: an earlier one may be heard after it. */
  leave(from: string): void {
    const peer = this.#heard.get(from);
    if (peer !== undefined) peer.hasLeft = true;
  }

  /** The names that were heard of late, without `self`. */
  alive(self: string, now: number): Set<string> {
    const alive = new Set<string>();
    for (const [name, { at, hasLeft }] of this.#heard) {
      if (name !== self && !hasLeft && now - at <= GONE_MS) alive.add(name);
    }
    return alive;
  }

  /**
   * Drops replicas that have long been silent. Not before ten minutes: one that was cut off for less must find its
   * place again, so that the gap in its numbers is seen and what it could not say is made up for.
   */
  forgetSilent(now: number): void {
    for (const [name, { at }] of this.#heard) if (now - at > 600_000) this.#heard.delete(name);
  }
}
