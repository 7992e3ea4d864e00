import type { Clock } from "../core/clock.ts";

/**
 * `promise`, unless it takes longer than `ms`: then a rejection. Time in which this process was too busy to read does
 * not count: an answer that lies ready when the time is up is taken, where a plain timer would fire before it is read,
 * and a busy second would look like a dead Redis.
 */
export function withTimeout<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      // Node reads its sockets between timers and this; twice, since the first round may have been half over.
      setImmediate(() => setImmediate(() => reject(new Error(`no answer within ${ms} ms`))));
    });
    promise.then(resolve, reject).finally(cancel);
  });
}
