/** Time as an argument, so that tests move it by hand. Nothing outside `main.ts` and `server/` asks the machine. */
export interface Clock {
  /** Milliseconds that never go back; only differences mean anything. */
  now(): number;
  /** Runs `task` once after `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, task: () => void): () => void;
}
