import { inspect } from "node:util";
import { CATALOGUE, type ErrorCode } from "../core/errors.ts";
import type { RefusalEntry } from "../core/status.ts";
import { scrub } from "./scrub.ts";

const EACH = 40;
const LONGEST = 300;

/**
 * The latest refusals. Client errors and other errors have separate lists, so that a client's error loop does
 * not evict the one failure that an operator looks for.
 */
export class Refusals {
  readonly #clients: RefusalEntry[] = [];
  readonly #others: RefusalEntry[] = [];

  add(entry: RefusalEntry): void {
    const list = entry.status >= 500 ? this.#others : this.#clients;
    list.push(entry);
    if (list.length > EACH) list.shift();
  }

  /**
   * Returns the latest first, without secrets. Scrubbing happens here, since most entries are evicted unread.
   */
  latest(): RefusalEntry[] {
    const latest = [...this.#clients, ...this.#others].toSorted((a, b) => b.at - a.at);
    return latest.map((entry) => ({ ...entry, reason: scrub(entry.reason).slice(0, LONGEST) }));
  }
}

/** Returns the HTTP status of an error code. */
export function statusOf(code: ErrorCode): number {
  return CATALOGUE[code].status;
}

/**
 * Returns a cause and the causes below it as one line. It is not scrubbed: a library's message may quote its
 * input.
 */
export function reasonOf(cause: unknown): string {
  const words: string[] = [];
  let at = cause;
  for (let depth = 0; depth < 4 && at !== undefined; depth += 1) {
    words.push(wordsOf(at).slice(0, LONGEST * 2));
    at = at instanceof Error ? at.cause : undefined;
  }
  // Longer than what is shown, since scrubbing does not recognise a secret that is cut in half.
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
