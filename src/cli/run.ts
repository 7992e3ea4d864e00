import { parseArgs, type ParseArgsConfig } from "node:util";
import { suggestion } from "../config/nearest.ts";
import { EXIT, UsageError, type Command, type Flag, type Flags, type ParsedArguments } from "./command.ts";
import { COMMANDS, type Entry } from "./commands.ts";
import type { Io } from "./io.ts";

const BINARY = "partners-gateway";
const HELP_FLAG = { type: "boolean", help: "print this help" } as const;

/** Runs a command line. Resolves to the exit code; never rejects. */
export async function runCommand(argv: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    io[name === undefined ? "err" : "out"](overview());
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const entry = COMMANDS.find((known) => known.name === (name === "--version" ? "version" : name));
  if (entry === undefined) {
    const names = COMMANDS.map((known) => known.name);
    io.err(`${BINARY}: there is no command ${name}${suggestion(name, names)}\nTry ${BINARY} --help`);
    return EXIT.usage;
  }
  const command = await entry.load();
  try {
    const asked = parse(rest, command);
    if (asked.has("help")) {
      io.out(helpOf(entry, command));
      return EXIT.ok;
    }
    return await command.run(asked, io);
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`${BINARY} ${entry.name}: ${error.message}\nTry ${BINARY} ${entry.name} --help`);
      return EXIT.usage;
    }
    io.fail(error);
    return EXIT.failed;
  }
}

/** Parses the arguments after the command's name by its flags. Throws a `UsageError`. */
export function parse(
  words: readonly string[],
  command: Pick<Command, "flags" | "takesWords">,
): ParsedArguments {
  const flags: Flags = { ...command.flags, help: HELP_FLAG };
  const options: NonNullable<ParseArgsConfig["options"]> = { help: { type: "boolean", short: "h" } };
  for (const [name, { type, multiple }] of Object.entries(command.flags)) {
    options[name] = { type, multiple: multiple ?? false };
  }
  const config = { args: [...words], options, allowPositionals: true, tokens: true } as const;
  for (const token of parseArgs({ ...config, strict: false }).tokens) {
    if (token.kind === "option" && flags[token.name] === undefined) {
      throw new UsageError(
        `there is no flag ${token.rawName}${suggestion(token.name, Object.keys(flags), "--")}`,
      );
    }
    if (token.kind === "positional" && command.takesWords !== true)
      throw new UsageError(`unexpected argument "${token.value}": this command takes flags only`);
  }
  try {
    const { values, positionals } = parseArgs({ ...config, strict: true });
    return given(values, positionals);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function given(values: Readonly<Record<string, unknown>>, positionals: readonly string[]): ParsedArguments {
  const texts = (name: string): string[] =>
    [values[name]].flat().filter((value): value is string => typeof value === "string");
  return { positionals, texts, text: (name) => texts(name).at(-1), has: (name) => values[name] === true };
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return [
    `Usage: ${BINARY} <command> [flags]`,
    "",
    ...COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    `${BINARY} <command> --help prints the help of a command.`,
    "",
    "Exit codes: 0 success; 1 failure, or a check that does not hold; 2 invalid command line.",
    "Colours and progress are shown on a terminal only, and never with NO_COLOR set.",
  ].join("\n");
}

function helpOf({ name }: Entry, command: Command): string {
  const flags = Object.entries<Flag>({ ...command.flags, help: HELP_FLAG }).map(
    ([flag, spec]): [string, string] => [
      `--${flag}${spec.value !== undefined ? ` <${spec.value}>` : ""}`,
      spec.help,
    ],
  );
  const width = Math.max(...flags.map(([left]) => left.length));
  return [
    `Usage: ${BINARY} ${name}${command.synopsis === "" ? "" : ` ${command.synopsis}`} [flags]`,
    "",
    command.about,
    "",
    ...flags.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    "",
    "Examples:",
    ...command.examples.map((example) => `  ${example}`),
  ].join("\n");
}
