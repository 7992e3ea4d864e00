import { readFileSync } from "node:fs";
import { text as wholeOf } from "node:stream/consumers";
import { systemClock } from "../app/clock.ts";
import type { Clock } from "../core/clock.ts";
import { scrub } from "../observe/scrub.ts";

/** The environment of a command, which tests replace. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Returns a file's text; throws as `fs` does. */
  readonly readFile: (path: string) => string;
  /** Writes a line to standard output. */
  readonly out: (line: string) => void;
  /** Writes a line to standard error. */
  readonly err: (line: string) => void;
  /** Reports an error: the message of an expected error, otherwise the stack. Credentials are removed. */
  readonly fail: (error: unknown) => void;
  /** Reads all of standard input. */
  readonly readInput: () => Promise<string>;
  /**
   * Replaces the last line of standard error; does nothing if that is not a terminal. `""` clears the line.
   */
  readonly progress: (line: string) => void;
  /** True if standard output is a terminal and NO_COLOR is not set. */
  readonly colours: boolean;
  /** Calls back at every SIGINT and SIGTERM; returns a function that removes the listener. */
  readonly onStop: (task: () => void) => () => void;
  /**
   * Calls back at every SIGHUP, which then no longer ends the process; returns a function that removes the
   * listener.
   */
  readonly onReload: (task: () => void) => () => void;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}

/** Returns the environment of the process. */
export function processIo(self: NodeJS.Process): Io {
  const { env, stdout, stderr } = self;
  const isPlain = env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "";
  return {
    env,
    clock: systemClock,
    readFile: (path) => readFileSync(path, "utf8"),
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    fail: (error) => void stderr.write(`${scrub(textOf(error))}\n`),
    readInput: () => wholeOf(self.stdin),
    progress: (line) => void (stderr.isTTY && !isPlain && stderr.write(`\r\u001b[K${line}`)),
    colours: stdout.isTTY && !isPlain,
    onStop(task) {
      self.on("SIGINT", task).on("SIGTERM", task);
      return () => void self.off("SIGINT", task).off("SIGTERM", task);
    },
    onReload(task) {
      self.on("SIGHUP", task);
      return () => void self.off("SIGHUP", task);
    },
    exit: (code) => self.exit(code),
  };
}

/**
 * Returns the stack of an unexpected error. For an address in use or a missing file the message is enough.
 */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForeseen = error.name === "ConfigError" || "syscall" in error;
  return isForeseen ? error.message : String(error.stack);
}

const CODES = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

/** Returns `text` in a colour, if the terminal supports colours. */
export function paint(io: Pick<Io, "colours">, colour: keyof typeof CODES, text: string): string {
  return io.colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}
