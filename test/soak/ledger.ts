import type { Outcome } from "./traffic.ts";

/** Log lines of requests whose clients left are never asked for; so many are kept for those that come late. */
const KEPT = 20_000;

/** Holds what clients got against what the log says, and counts. */
export class Ledger {
  answers = 0;
  left = 0;
  excused = 0;
  readonly statuses = new Map<number, number>();
  readonly kinds = new Map<string, number>();
  readonly wrong: string[] = [];
  readonly #expected = new Map<string, number>();
  readonly #logged = new Map<string, number>();

  answered({ kind, status, requestId, wrong, excused }: Outcome, wasDown: boolean): void {
    if (status === 0 && wrong === undefined) {
      this.left += 1;
      return;
    }
    this.answers += 1;
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (wrong !== undefined && wasDown && excused === true) this.excused += 1;
    else if (wrong !== undefined && this.wrong.length < 50) this.wrong.push(`${kind}: ${wrong}`);
    if (requestId === undefined) return;
    const said = this.#logged.get(requestId);
    if (said === undefined) this.#expected.set(requestId, status);
    else this.#match(requestId, said, status);
  }

  logged({ requestId, status }: Record<string, unknown>): void {
    if (typeof requestId !== "string" || typeof status !== "number") return;
    const got = this.#expected.get(requestId);
    if (got !== undefined) {
      this.#match(requestId, status, got);
      return;
    }
    this.#logged.set(requestId, status);
    const [oldest] = this.#logged.keys();
    if (this.#logged.size > KEPT && oldest !== undefined) this.#logged.delete(oldest);
  }

  /** Answers that the log does not account for. */
  get unaccounted(): number {
    return this.#expected.size;
  }

  #match(requestId: string, said: number, got: number): void {
    this.#expected.delete(requestId);
    this.#logged.delete(requestId);
    if (said !== got) this.wrong.push(`the log says ${said} where the client got ${got}`);
  }
}
