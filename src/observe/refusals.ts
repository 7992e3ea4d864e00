import { inspect } from "node:util";
import { CATALOGUE, type ErrorCode } from "../core/errors.ts";
import type { RefusalEntry } from "../core/status.ts";
import { scrub } from "./scrub.ts";

const EACH = 40;
const LONGEST = 300;

/**
 * The latest refusals: as many of the clients' as of the others, so that a client's loop of mistakes does not push out
 * the one failure that somebody looks for.
 */
export class Refusals {
  readonly #clients: RefusalEntry[] = [];
  readonly #others: RefusalEntry[] = [];

  add(entry: RefusalEntry): void {
    const list = entry.status >= 500 ? this.#others : this.#clients;
    list.push(entry);
    if (list.length > EACH) list.shift();
  }

  /** The latest first, without secrets: taken out here, as most entries are pushed out before anybody looks. */
  latest(): RefusalEntry[] {
    const latest = [...this.#clients, ...this.#others].toSorted((a, b) => b.at - a.at);
    return latest.map((entry) => ({ ...entry, reason: scrub(entry.reason).slice(0, LONGEST) }));
  }
}

/** The status that a code is answered with. */
export function statusOf(code: ErrorCode): number {
  return CATALOGUE[code].status;
}

/** A cause and the causes below it, as one line. A library's message may quote what it was given: not yet scrubbed. */
export function reasonOf(cause: unknown): string {
  const words: string[] = [];
  let at = cause;
  for (let depth = 0; depth < 4 && at !== undefined; depth += 1) {
    words.push(wordsOf(at).slice(0, LONGEST * 2));
    at = at instanceof Error ? at.cause : undefined;
  }
  // Longer than what is shown: a secret cut in half is no longer known for one.
  return words
    .filter((word) => word !== "")
    .join(": ")
    .slice(0, LONGEST * 2);
}

function wordsOf(cause: unknown): string {
  if (typeof cause === "string") return cause;
  if (cause instanceof Error) {
    const code = "code" in cause && cause.code !== cause.message ? `${String(cause.code)} ` : "";
    return `${code}${cause.message}`.trim();
  }
  return inspect(cause, { depth: 1, breakLength: Infinity });
}
