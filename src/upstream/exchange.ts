import type { Dispatcher } from "undici";
import type { UpstreamAnswer } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";

/** What an exchange needs and where it ends. */
export interface ExchangeOptions {
  readonly signal: AbortSignal;
  readonly maxAnswer: number;
  readonly resolve: (answer: UpstreamAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** One request and its whole answer, as undici's dispatch handler. Settles once. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #head: Omit<UpstreamAnswer, "body"> | undefined;
  #bytes = 0;
  #isSettled = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    if (options.signal.aborted) this.#abort();
    else options.signal.addEventListener("abort", this.#abort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(new Error("no longer wanted"));
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#head = {
      status,
      contentType: single(headers["content-type"]),
      contentEncoding: single(headers["content-encoding"]),
    };
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#bytes > this.#options.maxAnswer) {
      controller.abort(
        new GatewayError("upstream.failed", { cause: `an answer of over ${this.#options.maxAnswer} bytes` }),
      );
    }
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    if (this.#head === undefined) return this.#fail(new Error("an answer without a head"));
    if (this.#settle()) this.#options.resolve({ ...this.#head, body });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  readonly #abort = (): void => {
    this.#controller?.abort(new Error("no longer wanted"));
    this.#fail(this.#options.signal.reason);
  };

  #fail(error: unknown): void {
    if (this.#settle()) this.#options.reject(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#options.signal.removeEventListener("abort", this.#abort);
    return true;
  }
}

/** A header that should occur once; twice, it is joined, and so matches nothing that is looked for. */
function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}
