import type { Writable } from "node:stream";

/**
 * Writes `piece` repeatedly, as fast as `stream` accepts it, until `most` bytes are written or it is closed.
 * Returns a function that tells how many bytes were written so far.
 */
export function pour(stream: Writable, piece: Buffer, most: number): () => number {
  let sent = 0;
  const more = (): void => {
    while (!stream.destroyed && sent < most) {
      sent += piece.length;
      if (!stream.write(piece)) return;
    }
  };
  stream.on("drain", more);
  more();
  return () => sent;
}

/** Enough round trips for the event loop to complete every pending read and write. */
const ROUND_TRIPS = 20;

/** Makes round trips through this process until `count` no longer changes, and returns it. */
export async function untilStill(count: () => number, roundTrip: () => Promise<unknown>): Promise<number> {
  for (;;) {
    const before = count();
    for (let i = 0; i < ROUND_TRIPS; i += 1) await roundTrip();
    if (count() === before) return before;
  }
}
