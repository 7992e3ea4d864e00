import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

/**
 * The longest time that a test waits for anything, in milliseconds. It ends tests that hang, and measures
 * nothing.
 */
export const PATIENCE_MS = 300_000;
/** The time between two checks, in milliseconds. No assertion depends on it. */
const BETWEEN_LOOKS_MS = 10;

/**
 * Calls `look` until it returns something other than `undefined` or `false`, and resolves with that. Rejects
 * with `what` in its message at the timeout. If `look` throws, rejects with its error.
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
    // The pause between two checks of state that emits no event.
    await sleep(BETWEEN_LOOKS_MS);
    // Timers that fell due while the process was paused run first: an idle connection is closed before it is
    // reused.
    await turn();
  }
}

function isSeen<T>(seen: T): seen is Exclude<T, undefined | false> {
  return seen !== undefined && seen !== false;
}
