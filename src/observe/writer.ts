import { writeSync } from "node:fs";
import type { DestinationStream } from "pino";
import type { Clock } from "../core/clock.ts";

/**
 * Lines are gathered up to so many characters before they are written. Replicas may share a pipe, and a write of
 * at most PIPE_BUF bytes (POSIX `write`; 4096 on Linux) is never mixed with the lines of another process.
 */
const GATHERED = 4_096;
/** How many bytes wait for a reader that stalls, at the most. Lines beyond are lost. */
export const MOST_WAITING = 4 * 1_048_576;
/** A descriptor that takes nothing for the moment is tried again after so many milliseconds. */
const PAUSE_MS = 10;
/** So often at the most, in all, at the end of the process. */
const LAST_TRIES = 100;

/** Where lines go. */
export interface LineWriterOptions {
  /** A descriptor that does not block; of files and terminals, which block, none waits for a reader. */
  readonly fd: number;
  readonly clock: Clock;
  /** Told that lines are lost, once until it works again. */
  readonly onLost: (cause: unknown) => void;
}

/**
 * A log's lines on their way into a file descriptor. While its reader stalls they wait, up to a limit, and the process goes
 * on. Where they cannot be written (a disk that is full, a reader that has gone) they are lost. pino's own destination
 * waits for such a descriptor for ever and holds up the whole process (sonic-boom 4.2, `flushSync`).
 */
export class LineWriter implements DestinationStream {
  readonly #options: LineWriterOptions;
  #text = "";
  #waiting: Buffer[] = [];
  #bytes = 0;
  #isLosing = false;
  /** True while the descriptor takes nothing and is to be tried again. */
  #isStalled = false;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  write(line: string): void {
    if (this.#text.length + line.length > GATHERED) this.flush();
    this.#text += line;
  }

  /** Writes what was gathered, as far as the descriptor takes it now. Never throws, never waits. */
  flush(): void {
    this.#gather();
    if (!this.#isStalled) this.#send();
  }

  /** Writes what was gathered, and waits for a reader that stalls, for a second in all: the process ends. Never throws. */
  flushSync(): void {
    this.#gather();
    for (let tries = 0; !this.#take() && tries < LAST_TRIES; tries += 1) Atomics.wait(STILL, 0, 0, PAUSE_MS);
    if (this.#waiting.length > 0) this.#lose("its reader stalls");
    this.#waiting = [];
    this.#bytes = 0;
  }

  #gather(): void {
    const bytes = Buffer.from(this.#text);
    this.#text = "";
    if (bytes.length === 0) return;
    if (this.#bytes + bytes.length > MOST_WAITING) return this.#lose("its reader stalls");
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
  }

  #send(): void {
    this.#isStalled = !this.#take();
    if (this.#isStalled) this.#options.clock.after(PAUSE_MS, () => this.#send());
  }

  /** Writes what waits. False where the descriptor takes no more for the moment. */
  #take(): boolean {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      let written = next.length;
      try {
        written = writeSync(this.#options.fd, next);
        this.#isLosing = false;
      } catch (cause) {
        if (isBusy(cause)) return false;
        this.#lose(cause);
      }
      this.#bytes -= written;
      if (written < next.length) this.#waiting[0] = next.subarray(written);
      else this.#waiting.shift();
    }
    return true;
  }

  #lose(cause: unknown): void {
    if (!this.#isLosing) this.#options.onLost(cause);
    this.#isLosing = true;
  }
}

const STILL = new Int32Array(new SharedArrayBuffer(4));

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "EAGAIN" || cause.code === "EBUSY");
}
