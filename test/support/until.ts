import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

/** The longest that a test waits for anything, in milliseconds. It ends tests that hang, and measures nothing. */
export const PATIENCE_MS = 300_000;
/** The time between two looks, in milliseconds. No assertion depends on it. */
const BETWEEN_LOOKS_MS = 10;

/**
 * Looks again and again until `look` returns something other than `undefined` or `false`, and returns that. Rejects
 * with `what` in its message when the test's patience ends. A `look` that throws ends the wait with its error.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (isSeen(seen)) return seen;
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    // Between two looks at something that sends no event.
    await sleep(BETWEEN_LOOKS_MS);
    // What fell due while the process stood still comes first: an idle connection is closed before it is used again.
    await turn();
  }
}

function isSeen<T>(seen: T): seen is Exclude<T, undefined | false> {
  return seen !== undefined && seen !== false;
}
