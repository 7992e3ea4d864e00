/**
 * The source of time, passed as an argument so that tests control it. Only `main.ts` and `server/` use the
 * machine's.
 */
export interface Clock {
  /** Returns monotonic milliseconds. Only differences are meaningful. */
  now(): number;
  /** Runs `task` once after `ms` milliseconds, unless the returned function cancels it before. */
  after(ms: number, task: () => void): () => void;
}
