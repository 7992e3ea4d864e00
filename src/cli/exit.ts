import type { Io } from "./io.ts";

/** The time that a drain may exceed its configured limits before the process ends anyway, in milliseconds. */
export const DRAIN_GRACE_MS = 5_000;

/** The end of the process, which runs once however many callers request it. */
export class Exit {
  readonly #endLog: () => void;
  readonly #io: Pick<Io, "exit" | "clock">;
  #code = 0;
  #isLeaving = false;
  /** The work before the end; nothing until the gateway runs. */
  drain: () => Promise<void> = () => Promise.resolve();
  /** The configured time limit of the drain, in milliseconds. */
  limit = 0;

  constructor(endLog: () => void, io: Pick<Io, "exit" | "clock">) {
    this.#endLog = endLog;
    this.#io = io;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Handles a stop signal: the first one drains, the second one ends the process at once. */
  told(): void {
    if (!this.#isLeaving) return this.leave(0);
    this.end(1);
  }

  /** Drains, then ends the process. If a drain is in progress, it continues, and the higher code wins. */
  leave(code: number): void {
    this.#code = Math.max(this.#code, code);
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    // A drain that hangs would leave a process that serves no requests and is never restarted.
    this.#io.clock.after(this.limit + DRAIN_GRACE_MS, () => this.end(1));
    this.drain().then(
      () => this.end(this.#code),
      () => this.end(1),
    );
  }

  /** Ends the process at once, after the log is written. */
  end(code: number): void {
    try {
      this.#endLog();
    } finally {
      this.#io.exit(code);
    }
  }
}
