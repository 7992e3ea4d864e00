import type { Io } from "./io.ts";

/** Exit codes of every command. `--help` of the binary lists them. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** A flag of a command, for the parser and for its help. */
export interface Flag {
  readonly type: "string" | "boolean";
  /** What the value stands for in the help, such as `url`. */
  readonly value?: string;
  readonly help: string;
  readonly multiple?: boolean;
}

/** Flags by their name without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** What was given on the command line. */
export interface Given {
  readonly positionals: readonly string[];
  /** The value of a flag, the last where it was given more than once. */
  text(name: string): string | undefined;
  /** All values of a flag that may be given more than once. */
  texts(name: string): readonly string[];
  /** True where a flag without a value was given. */
  has(name: string): boolean;
}

/** A command of the binary. */
export interface Command {
  /** What comes after the command's name in its help, such as `<method> <target>`. */
  readonly synopsis: string;
  readonly about: string;
  readonly flags: Flags;
  readonly examples: readonly string[];
  /** True where words that are no flags mean something. */
  readonly takesWords?: boolean;
  /** Does it. Resolves to an exit code; a `UsageError` is exit 2. */
  readonly run: (given: Given, io: Io) => Promise<number>;
}

/** The command line makes no sense; `message` says why, in a line or several. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
