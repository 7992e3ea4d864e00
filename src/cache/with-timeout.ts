import type { Clock } from "../core/clock.ts";

/**
 * Settles like `promise`, or rejects after `ms` milliseconds. An answer that has arrived but is not yet read
 * when the time is up still counts. A plain timer would fire before it is read, so a busy event loop would
 * look like a failed Redis.
 */
export function withTimeout<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      // Node reads its sockets between timers and immediates. Two rounds, because the first may have begun
      // already.
      setImmediate(() => setImmediate(() => reject(new Error(`no answer within ${ms} ms`))));
    });
    promise.then(resolve, reject).finally(cancel);
  });
}
