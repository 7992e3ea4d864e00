import { writeSync } from "node:fs";
import type { DestinationStream } from "pino";

/**
 * Lines are gathered up to so many characters before they are written. Workers share a pipe, and what is no longer than
 * PIPE_BUF (POSIX `write`; 4096 on Linux) is never cut by another's lines.
 */
const GATHERED = 4_096;
/** A descriptor that takes nothing for the moment is tried again, so often and after so many milliseconds. */
const TRIES = 100;
const PAUSE_MS = 10;

/**
 * A log's lines on their way into a file descriptor. Where they cannot be written (a disk that is full, a reader that has
 * gone) they are lost, which `onLost` is told once until it works again: pino's own destination waits for such a
 * descriptor for ever and holds up the whole process (sonic-boom 4.2, `flushSync`).
 */
export class LineWriter implements DestinationStream {
  readonly #fd: number;
  readonly #onLost: (cause: unknown) => void;
  #text = "";
  #isLosing = false;

  constructor(fd: number, onLost: (cause: unknown) => void) {
    this.#fd = fd;
    this.#onLost = onLost;
  }

  write(line: string): void {
    if (this.#text.length + line.length > GATHERED) this.flushSync();
    this.#text += line;
  }

  /** Writes what was gathered. Never throws. */
  flushSync(): void {
    const bytes = Buffer.from(this.#text);
    this.#text = "";
    try {
      writeAll(this.#fd, bytes);
      if (bytes.length > 0) this.#isLosing = false;
    } catch (cause) {
      if (!this.#isLosing) this.#onLost(cause);
      this.#isLosing = true;
    }
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  let tries = 0;
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
      tries = 0;
    } catch (cause) {
      tries += 1;
      if (!isBusy(cause) || tries >= TRIES) throw cause;
      Atomics.wait(STILL, 0, 0, PAUSE_MS);
    }
  }
}

const STILL = new Int32Array(new SharedArrayBuffer(4));

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "EAGAIN" || cause.code === "EBUSY");
}
