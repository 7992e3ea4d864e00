import type { DestinationStream } from "pino";
import { prettyFactory } from "pino-pretty";

/** What a terminal would take for a command: control characters that JSON leaves as they are. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const COMMANDS = /[\u007f-\u009f]/g;

/** A log for people: a line's words and then its facts, on one line, each given to `out` without its line break. */
export function prettyDestination(out: (line: string) => void, colorize: boolean): DestinationStream {
  const pretty = prettyFactory({ colorize, singleLine: true, translateTime: "SYS:HH:MM:ss.l" });
  return { write: (line) => out(pretty(line.replace(COMMANDS, "?")).trimEnd()) };
}
