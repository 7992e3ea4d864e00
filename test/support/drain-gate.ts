/**
 * Timers of a program that end at a signal instead of after a time, so a test can take as long as it needs.
 */

/** For `server.drainDelay`; no other timer of the program is as long. */
export const HELD_DRAIN = "1h";
const HELD_MS = 3_600_000;

/** The signal that ends the held timers. A process without held timers ignores it. */
export const RELEASE = "SIGURG";

/** A module to preload into a process: it holds all timers of exactly these milliseconds. */
export const heldTimers = (...held: readonly number[]): string =>
  `data:text/javascript,${encodeURIComponent(`
  const wait = globalThis.setTimeout;
  globalThis.setTimeout = (task, ms, ...rest) => {
    if (!${JSON.stringify(held)}.includes(ms)) return wait(task, ms, ...rest);
    process.once("${RELEASE}", task);
    return wait(task, 2 ** 31 - 1, ...rest);
  };`)}`;

/** Holds a `drainDelay` of `HELD_DRAIN`. */
export const DRAIN_GATE = heldTimers(HELD_MS);
