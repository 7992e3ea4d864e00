import type { Io } from "./io.ts";

/** How much longer than its configured limits a drain may take before the process ends without it, in milliseconds. */
export const DRAIN_GRACE_MS = 5_000;

/** A way out of the process that can be entered from anywhere, once. */
export class Exit {
  readonly #endLog: () => void;
  readonly #io: Pick<Io, "exit" | "clock">;
  #code = 0;
  #isLeaving = false;
  /** What to do before the end; nothing until the gateway runs. */
  drain: () => Promise<void> = () => Promise.resolve();
  /** How long the drain may take by configuration, in milliseconds. */
  limit = 0;

  constructor(endLog: () => void, io: Pick<Io, "exit" | "clock">) {
    this.#endLog = endLog;
    this.#io = io;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** The process was told to end: the first time it drains, the second time it ends at once. */
  told(): void {
    if (!this.#isLeaving) return this.leave(0);
    this.end(1);
  }

  /** Drains, then ends the process. A drain under way goes on; the worse code wins. */
  leave(code: number): void {
    this.#code = Math.max(this.#code, code);
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    // A drain that hangs would leave a process that serves nobody and that nobody replaces.
    this.#io.clock.after(this.limit + DRAIN_GRACE_MS, () => this.end(1));
    this.drain().then(
      () => this.end(this.#code),
      () => this.end(1),
    );
  }

  /** Ends the process at once, with every line written. */
  end(code: number): void {
    try {
      this.#endLog();
    } finally {
      this.#io.exit(code);
    }
  }
}
