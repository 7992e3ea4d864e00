import type { Incoming } from "./context.ts";
import type { Answer } from "./envelope.ts";
import { type ErrorCode, GatewayError } from "./errors.ts";
import { CountMap } from "./count-map.ts";

/** The bytes of answers from when they come from the CMS until they are written: what clients do not read is kept here. */
export class Unsent {
  readonly #bytes = new CountMap();
  readonly #most: number;
  readonly #code: ErrorCode;

  /** `most`: bytes of one name, at the most. `code`: the error of a request that has no room. */
  constructor(most: number, code: ErrorCode) {
    this.#most = most;
    this.#code = code;
  }

  /** Rejects a request whose answer would have no room, before anything is done for it. */
  admit(name: string): void {
    if (this.#bytes.of(name) >= this.#most) throw this.#refusal(this.#code, name);
  }

  /**
   * Room for the answer to a request. One that stands alone always has some. A read is refused where it would make more than
   * the limit. A write may have been done by then, and gets its answer up to twice the limit; beyond, `answer.unsent` says
   * that nobody will be told what became of it.
   */
  room(name: string, request: Pick<Incoming, "method" | "afterwards">): Room {
    const isRead = request.method === "GET" || request.method === "HEAD";
    const [most, code] = isRead
      ? ([this.#most, this.#code] as const)
      : ([2 * this.#most, "answer.unsent"] as const);
    return new Room(request, (before, after) => {
      if (after < before) this.#bytes.give(name, before - after);
      else this.#bytes.take(name, after - before);
      const all = this.#bytes.of(name);
      return all > most && all > after ? this.#refusal(code, name) : undefined;
    });
  }

  #refusal(code: ErrorCode, name: string): GatewayError {
    return new GatewayError(code, {
      cause: `${this.#bytes.of(name)} bytes of answers wait for their clients`,
    });
  }
}

/** The room that one answer takes. */
export class Room {
  readonly #request: Pick<Incoming, "method" | "afterwards">;
  readonly #resize: (before: number, after: number) => GatewayError | undefined;
  #held = 0;
  #isOver = false;

  /** `resize` changes what is held, and gives the error of what has no room. */
  constructor(
    request: Pick<Incoming, "method" | "afterwards">,
    resize: (before: number, after: number) => GatewayError | undefined,
  ) {
    this.#request = request;
    this.#resize = resize;
  }

  /** Takes so many bytes more, which have come from the CMS. Gives the error to end the request with, if there is none. */
  readonly receive = (bytes: number): GatewayError | undefined =>
    // Others may wait on for an answer that this one has left.
    this.#isOver ? undefined : this.#hold(this.#held + bytes);

  /** In place of what has come: the answer, until it has been written or its client has gone. Throws without room for it. */
  keep(answer: Answer): Answer {
    const { body } = answer;
    const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const refusal = this.#hold(this.#request.method === "HEAD" ? 0 : bytes);
    if (refusal !== undefined) {
      this.leave();
      throw refusal;
    }
    this.#request.afterwards(() => this.leave());
    return answer;
  }

  /** Gives all of it back. */
  leave(): void {
    this.#hold(0);
    this.#isOver = true;
  }

  #hold(bytes: number): GatewayError | undefined {
    const before = this.#held;
    this.#held = bytes;
    return this.#resize(before, bytes);
  }
}
