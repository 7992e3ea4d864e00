/** A `drainDelay` that ends at a signal and not after a time: in it a test does whatever it has to do. */

/** For `server.drainDelay`; no other timer of the program is as long. */
export const HELD_DRAIN = "1h";
const HELD_MS = 3_600_000;

/** Ends the delay. By default, and so without a delay that is held, a process ignores it. */
export const RELEASE = "SIGURG";

/** To be loaded into the process before the program. */
export const DRAIN_GATE = `data:text/javascript,${encodeURIComponent(`
  const wait = globalThis.setTimeout;
  globalThis.setTimeout = (task, ms, ...rest) =>
    ms === ${HELD_MS} ? void process.once("${RELEASE}", task) : wait(task, ms, ...rest);`)}`;
