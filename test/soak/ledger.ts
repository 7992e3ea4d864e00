import type { Outcome } from "./traffic.ts";

/**
 * Log lines of requests whose clients disconnected are never claimed; this many lines are kept for late ones.
 */
const KEPT = 20_000;

/** A line of the log, with its error code and reason. */
interface Line {
  readonly status: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A response without a log line so far, and its fault, if any. */
interface Answered {
  readonly status: number;
  readonly problem: string | undefined;
}

/** Compares the clients' responses with the log, and counts both. */
export class Ledger {
  answers = 0;
  left = 0;
  excused = 0;
  readonly statuses = new Map<number, number>();
  readonly kinds = new Map<string, number>();
  readonly wrong: string[] = [];
  readonly #expected = new Map<string, Answered>();
  readonly #logged = new Map<string, Line>();

  answered({ kind, status, requestId, wrong, excused }: Outcome, wasDown: boolean): void {
    if (status === 0 && wrong === undefined) {
      this.left += 1;
      return;
    }
    this.answers += 1;
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const isExcused = wasDown && excused === true;
    if (wrong !== undefined && isExcused) this.excused += 1;
    const problem = wrong === undefined || isExcused ? undefined : `${kind}: ${wrong}`;
    if (requestId === undefined) {
      if (problem !== undefined) this.wrong.push(problem);
      return;
    }
    const line = this.#logged.get(requestId);
    if (line === undefined) this.#expected.set(requestId, { status, problem });
    else this.#match(requestId, line, { status, problem });
  }

  logged({ requestId, status, ...facts }: Record<string, unknown>): void {
    if (typeof requestId !== "string" || typeof status !== "number") return;
    const answered = this.#expected.get(requestId);
    if (answered !== undefined) {
      this.#match(requestId, { status, facts }, answered);
      return;
    }
    this.#logged.set(requestId, { status, facts });
    const [oldest] = this.#logged.keys();
    if (this.#logged.size > KEPT && oldest !== undefined) this.#logged.delete(oldest);
  }

  /** Responses without a line in the log. */
  get unaccounted(): number {
    return this.#expected.size;
  }

  #match(requestId: string, line: Line, { status, problem }: Answered): void {
    this.#expected.delete(requestId);
    this.#logged.delete(requestId);
    const why = JSON.stringify(line.facts);
    if (problem !== undefined) this.wrong.push(`${problem} ${why}`);
    if (line.status !== status)
      this.wrong.push(`the log has ${line.status} but the client got ${status}: ${why}`);
  }
}
