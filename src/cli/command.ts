import type { Io } from "./io.ts";

/** Exit codes of every command. `--help` of the binary lists them. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** A flag of a command, for the parser and for the help. */
export interface Flag {
  readonly type: "string" | "boolean";
  /** The placeholder of the value in the help, such as `url`. */
  readonly value?: string;
  readonly help: string;
  readonly multiple?: boolean;
}

/** Flags by their name without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** The parsed command line. */
export interface ParsedArguments {
  readonly positionals: readonly string[];
  /** Returns the value of a flag; the last one if it was given several times. */
  text(name: string): string | undefined;
  /** Returns all values of a flag that may be given several times. */
  texts(name: string): readonly string[];
  /** Returns true if a flag without a value was given. */
  has(name: string): boolean;
}

/** A command of the binary. */
export interface Command {
  /** The arguments after the command's name in its help, such as `<method> <target>`. */
  readonly synopsis: string;
  readonly about: string;
  readonly flags: Flags;
  readonly examples: readonly string[];
  /** True if the command takes positional arguments. */
  readonly takesWords?: boolean;
  /** Runs the command. Resolves to an exit code; a `UsageError` is exit 2. */
  readonly run: (given: ParsedArguments, io: Io) => Promise<number>;
}

/** The command line is invalid; `message` gives the reason, in one or several lines. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
