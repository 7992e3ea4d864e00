import type { Incoming } from "./context.ts";
import type { Answer } from "./envelope.ts";
import { type ErrorCode, GatewayError } from "./errors.ts";
import { Holdings } from "./holdings.ts";

/** The bytes of answers that have been made and not yet been written to their ends: what clients do not read is kept here. */
export class Unsent {
  readonly #bytes = new Holdings();
  readonly #most: number;
  readonly #code: ErrorCode;

  /** `most`: bytes of one name, at the most. `code`: the error of a request that has no room. */
  constructor(most: number, code: ErrorCode) {
    this.#most = most;
    this.#code = code;
  }

  /** Rejects a request whose answer would have no room, before anything is done for it. */
  admit(name: string): void {
    if (this.#bytes.of(name) >= this.#most) throw this.#noRoom(name);
  }

  /**
   * Keeps an answer until it has been written or its client has gone. One that stands alone always has room. A read's is
   * refused where it would make more than the limit. A write has been done by now, and gets its answer up to twice the
   * limit; beyond, `answer.unsent` says that nobody will be told what became of it.
   */
  keep(
    name: string,
    { method, afterwards }: Pick<Incoming, "method" | "afterwards">,
    answer: Answer,
  ): Answer {
    if (method === "HEAD") return answer;
    const { body } = answer;
    const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const held = this.#bytes.of(name);
    const isRead = method === "GET";
    if (held > 0 && held + bytes > (isRead ? this.#most : 2 * this.#most))
      throw isRead ? this.#noRoom(name) : new GatewayError("answer.unsent", { cause: this.#state(name) });
    this.#bytes.take(name, bytes);
    afterwards(() => this.#bytes.give(name, bytes));
    return answer;
  }

  #noRoom(name: string): GatewayError {
    return new GatewayError(this.#code, { cause: this.#state(name) });
  }

  #state(name: string): string {
    return `${this.#bytes.of(name)} bytes of answers wait for their clients to read`;
  }
}
