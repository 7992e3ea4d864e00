import type { DestinationStream } from "pino";
import { prettyFactory } from "pino-pretty";

/** Control characters that JSON does not escape and that a terminal would interpret. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const COMMANDS = /[\u007f-\u009f]/g;

/**
 * Formats log lines for people: the message and then the fields, on one line. `out` receives each line
 * without its line break.
 */
export function prettyDestination(out: (line: string) => void, colorize: boolean): DestinationStream {
  const pretty = prettyFactory({ colorize, singleLine: true, translateTime: "SYS:HH:MM:ss.l" });
  return { write: (line) => out(pretty(line.replace(COMMANDS, "?")).trimEnd()) };
}
