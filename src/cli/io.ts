import { readFileSync } from "node:fs";
import { systemClock } from "../clock.ts";
import type { Clock } from "../core/clock.ts";

/** What a command sees of the world, so that tests can give it another one. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** A file's text; throws as `fs` does. */
  readonly readFile: (path: string) => string;
  /** Writes a line to standard output. */
  readonly out: (line: string) => void;
  /** Writes a line to standard error. */
  readonly err: (line: string) => void;
  /** Replaces the last line of standard error; does nothing where that is no terminal. `""` clears it. */
  readonly progress: (line: string) => void;
  /** True where standard output is a terminal and nobody asked for NO_COLOR. */
  readonly colours: boolean;
  /** Calls back at every SIGINT and SIGTERM; returns how to stop listening. */
  readonly onStop: (task: () => void) => () => void;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}

/** The world as it is. */
export function processIo(self: NodeJS.Process): Io {
  const { env, stdout, stderr } = self;
  const isPlain = env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "";
  return {
    env,
    clock: systemClock,
    readFile: (path) => readFileSync(path, "utf8"),
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    progress: (line) => void (stderr.isTTY && !isPlain && stderr.write(`\r\u001b[K${line}`)),
    colours: stdout.isTTY && !isPlain,
    onStop(task) {
      self.on("SIGINT", task).on("SIGTERM", task);
      return () => void self.off("SIGINT", task).off("SIGTERM", task);
    },
    exit: (code) => self.exit(code),
  };
}

const CODES = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

/** `text` in a colour, where the terminal has any. */
export function paint(io: Pick<Io, "colours">, colour: keyof typeof CODES, text: string): string {
  return io.colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}
