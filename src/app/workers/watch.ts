import type { Clock } from "../../core/clock.ts";

/** A worker, as far as it is watched. */
export interface Watched {
  /** How many times it was looked at since its last word. */
  looks: number;
  /** Has it say something. */
  readonly prod: () => void;
}

/**
 * In how many steps a worker is given up. One alone would be of no use: a primary that itself stood still finds its
 * timers over before it has read what the workers said meanwhile.
 */
const LOOKS = 3;

/**
 * Tells of each worker that gave no sign of life for `patience`, in milliseconds, and up to a third of that more: its
 * event loop stands still, and with it all its connections. Whoever says anything at all is looked at from the beginning.
 * Returns what ends the watch.
 */
export function watch<Hand extends Watched>(options: {
  readonly clock: Clock;
  readonly patience: number;
  readonly hands: () => Iterable<Hand>;
  readonly onHang: (hand: Hand) => void;
}): () => void {
  const { clock, patience, hands, onHang } = options;
  const look = (): void => {
    for (const hand of hands()) {
      if (hand.looks === 0) hand.prod();
      if (hand.looks === LOOKS) onHang(hand);
      hand.looks += 1;
    }
    cancel = clock.after(patience / LOOKS, look);
  };
  let cancel = clock.after(patience / LOOKS, look);
  return () => cancel();
}
