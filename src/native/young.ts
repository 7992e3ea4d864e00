import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So many bytes read make a collection of the young generation worth its while, in a heap that doubles between marks. */
const WORTH = 16 * 1_048_576;

let read = 0;
let collect: (() => void) | undefined;

/**
 * Told of each block of a body that was read. V8 counts blocks as memory of the old generation, though nearly all are
 * dead soon after they were born: every 30 MB or so it marks the whole heap, which costs a fast stream a third of its
 * speed and everybody else pauses of some ten milliseconds. Collecting the young generation before that takes a quarter
 * to half of one (Node 24.21, V8 13.6: `docs/performance.md`).
 */
export function countRead({ length }: Buffer): void {
  read += length;
  if (read < WORTH) return;
  read = 0;
  collect ??= youngCollector();
  collect();
}

/** V8's own, which shows in contexts that are made after it was asked for; nothing where this V8 has none. */
function youngCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("globalThis.gc");
  return typeof gc === "function" ? () => void gc({ type: "minor" }) : () => undefined;
}
