import type { Incoming } from "./context.ts";
import type { Answer } from "./envelope.ts";
import { type ErrorCode, GatewayError } from "./errors.ts";
import { CountMap } from "./count-map.ts";

/**
 * Limits the bytes of buffered answers, per name: from the time they arrive from the CMS until they are
 * written.
 */
export class BufferedBytesLimiter {
  readonly #bytes = new CountMap();
  readonly #most: number;
  readonly #code: ErrorCode;

  /** `most` is the limit of one name in bytes; `code` is the error of a request over the limit. */
  constructor(most: number, code: ErrorCode) {
    this.#most = most;
    this.#code = code;
  }

  /** Throws if the name has reached its limit. Called before a request does any work. */
  admit(name: string): void {
    if (this.#bytes.of(name) >= this.#most) throw this.#refusal(this.#code, name);
  }

  /**
   * Creates the account of the bytes of one answer. A name's only answer may have any size. A read over the
   * limit is refused. A write may already be committed, so its answer may use up to twice the limit. Beyond
   * that the error is `answer.unsent`: the client does not learn the outcome of the write.
   */
  room(name: string, request: Pick<Incoming, "method" | "afterwards">): AnswerBytes {
    const isRead = request.method === "GET" || request.method === "HEAD";
    const [most, code] = isRead
      ? ([this.#most, this.#code] as const)
      : ([2 * this.#most, "answer.unsent"] as const);
    return new AnswerBytes(request, (before, after) => {
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

/** The bytes that one answer occupies. */
export class AnswerBytes {
  readonly #request: Pick<Incoming, "method" | "afterwards">;
  readonly #resize: (before: number, after: number) => GatewayError | undefined;
  #held = 0;
  #isOver = false;

  /** `resize` changes the count from `before` to `after`, and returns an error if that exceeds the limit. */
  constructor(
    request: Pick<Incoming, "method" | "afterwards">,
    resize: (before: number, after: number) => GatewayError | undefined,
  ) {
    this.#request = request;
    this.#resize = resize;
  }

  /**
   * Adds bytes that have arrived from the CMS. Returns the error that ends the request if they exceed the
   * limit.
   */
  readonly receive = (bytes: number): GatewayError | undefined =>
    // After this request has ended, others may still wait for the answer that they share with it.
    this.#isOver ? undefined : this.#hold(this.#held + bytes);

  /**
   * Counts the translated answer in place of the received bytes, until it is written or its client has
   * disconnected. Throws if it exceeds the limit.
   */
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

  /** Releases all bytes. */
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
