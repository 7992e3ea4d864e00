import { writeSync } from "node:fs";
import type { DestinationStream } from "pino";
import type { Clock } from "../core/clock.ts";

/**
 * The number of characters that are buffered before a write. Replicas may share a pipe, and a write of at most
 * PIPE_BUF bytes is atomic (POSIX `write`; 4096 on Linux): another replica's lines never split it.
 */
const BUFFER_CHARS = 4_096;
/** The most bytes that are buffered while the reader stalls. Further lines are lost. */
export const MAX_BUFFERED_BYTES = 4 * 1_048_576;
/** The wait in milliseconds before a busy descriptor is tried again. */
const RETRY_MS = 10;
/** The most tries, in all, at the end of the process. */
const MAX_TRIES = 100;

/** The destination of lines. */
export interface LineWriterOptions {
  /** A non-blocking descriptor, or a file or terminal: those block, but have no reader that stalls. */
  readonly fd: number;
  readonly clock: Clock;
  /** Called when lines begin to be lost, and again only after a write has succeeded. */
  readonly onLost: (cause: unknown) => void;
}

/**
 * Writes a log's lines to a file descriptor. While the reader stalls, lines are buffered up to a limit, and
 * the process continues. If a write fails (a full disk, a closed reader), the lines are lost. pino's own
 * destination waits for such a descriptor indefinitely and blocks the whole process (sonic-boom 4.2,
 * `flushSync`).
 */
export class LineWriter implements DestinationStream {
  readonly #options: LineWriterOptions;
  #text = "";
  #waiting: Buffer[] = [];
  #bytes = 0;
  #isLosing = false;
  /** True while the descriptor is busy and a retry is scheduled. */
  #isStalled = false;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  write(line: string): void {
    if (this.#text.length + line.length > BUFFER_CHARS) this.flush();
    this.#text += line;
  }

  /** Writes as many buffered bytes as the descriptor accepts now. Never throws, never waits. */
  flush(): void {
    this.#takeText();
    if (!this.#isStalled) this.#send();
  }

  /**
   * Writes the buffered lines at the end of the process. Waits at most one second for a reader that stalls.
   * Never throws.
   */
  flushSync(): void {
    this.#takeText();
    for (let tries = 0; !this.#take() && tries < MAX_TRIES; tries += 1)
      Atomics.wait(SLEEP_CELL, 0, 0, RETRY_MS);
    if (this.#waiting.length > 0) this.#lose("its reader stalls");
    this.#waiting = [];
    this.#bytes = 0;
  }

  #takeText(): void {
    const bytes = Buffer.from(this.#text);
    this.#text = "";
    if (bytes.length === 0) return;
    if (this.#bytes + bytes.length > MAX_BUFFERED_BYTES) return this.#lose("its reader stalls");
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
  }

  #send(): void {
    this.#isStalled = !this.#take();
    if (this.#isStalled) this.#options.clock.after(RETRY_MS, () => this.#send());
  }

  /** Writes the buffered bytes. Returns false if the descriptor accepts no more at the moment. */
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

const SLEEP_CELL = new Int32Array(new SharedArrayBuffer(4));

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "EAGAIN" || cause.code === "EBUSY");
}
