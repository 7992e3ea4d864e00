import type { Writable } from "node:stream";

/**
 * Writes `piece` again and again, as fast as `stream` takes it, until `most` bytes are written or it is closed. Returns
 * how many bytes were given to it so far.
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

/** So many round trips turn the event loop often enough for whatever can still move to move. */
const ROUND_TRIPS = 20;

/** Makes round trips through this process until `count` stands still meanwhile, and returns it. */
export async function untilStill(count: () => number, roundTrip: () => Promise<unknown>): Promise<number> {
  for (;;) {
    const before = count();
    for (let i = 0; i < ROUND_TRIPS; i += 1) await roundTrip();
    if (count() === before) return before;
  }
}
