/**
 * A replica that has sent nothing for this long counts as gone, even without a bye: no message waits for its
 * ack.
 */
const GONE_MS = 3_000;

/** The largest number of replicas. More ids come from a client that misuses the channel. */
const MOST = 1_000;

interface Peer {
  /**
   * The highest sequence number received. In a Cluster, messages by different nodes may arrive out of order.
   */
  seq: number;
  at: number;
  hasLeft: boolean;
}

/** The replicas that send messages on the channel, and the detection of lost messages. */
export class Peers {
  readonly #heard = new Map<string, Peer>();

  /** Records a message. Returns false if earlier messages of the same sender are missing. */
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

  /** Restarts the silence of every replica at `now`: this process was disconnected and could not receive. */
  excuse(now: number): void {
    for (const peer of this.#heard.values()) peer.at = now;
  }

  /** Records a bye, the last message of a sender. Earlier messages may still arrive after it. */
  leave(from: string): void {
    const peer = this.#heard.get(from);
    if (peer !== undefined) peer.hasLeft = true;
  }

  /** Returns the ids of the live replicas, without `self`. */
  alive(self: string, now: number): Set<string> {
    const alive = new Set<string>();
    for (const [name, { at, hasLeft }] of this.#heard) {
      if (name !== self && !hasLeft && now - at <= GONE_MS) alive.add(name);
    }
    return alive;
  }

  /**
   * Drops replicas that have been silent for ten minutes. A replica that was disconnected for less keeps its
   * entry, so that the gap in its sequence numbers shows that its messages were lost.
   */
  forgetSilent(now: number): void {
    for (const [name, { at }] of this.#heard) if (now - at > 600_000) this.#heard.delete(name);
  }
}
