import type { Dispatcher } from "undici";
import type { Clock } from "../../core/clock.ts";
import type { UpstreamAnswer } from "../../core/context.ts";
import type { Member } from "../../core/swap-remove-set.ts";
import { GatewayError } from "../../core/errors.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";
import type { LookupContext } from "../../core/ports.ts";
import { scheduleEndOfTick } from "../../core/async/end-of-tick.ts";

/** The timeouts of the parts of a request, in milliseconds. */
export interface Timeouts {
  readonly connectTimeout: number;
  readonly firstByteTimeout: number;
  readonly idleTimeout: number;
}

/** The dependencies and callbacks of a buffered request. */
export interface BufferedRequestOptions {
  readonly signal: Cancellation;
  readonly maxAnswer: number;
  readonly patience: Timeouts;
  readonly clock: Clock;
  /** See `LookupContext`. */
  readonly received?: LookupContext["received"];
  /** Called when the request is about to be written. Until then no target can have processed it. */
  readonly onSending: () => void;
  readonly resolve: (answer: UpstreamAnswer) => void;
  readonly reject: (error: unknown) => void;
  /** Called once when undici releases the connection, which can be later than the answer to the caller. */
  readonly onLeft: () => void;
}

/**
 * A request and its whole answer, as undici's dispatch handler. It settles once. It has its own timers:
 * undici's have a resolution of 500 ms and round up, and undici's headers timeout begins before there is a
 * connection.
 */
export class BufferedRequest implements Dispatcher.DispatchHandler, Member {
  place = -1;
  readonly #options: BufferedRequestOptions;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #head: Omit<UpstreamAnswer, "body"> | undefined;
  #bytes = 0;
  #hasBegun = false;
  #isSettled = false;
  #isReleased = false;
  /** The awaited part, its timeout and deadline, and the single timer for all parts in turn. */
  #awaited = "";
  #timeout = 0;
  #due = 0;
  #checksAt = Infinity;
  #stopChecking: () => void = () => undefined;

  constructor(options: BufferedRequestOptions) {
    this.#options = options;
    if (options.signal.aborted) this.#abort();
    else {
      options.signal.addEventListener("abort", this.#abort, { once: true });
      this.#allow(options.patience.connectTimeout, "connection");
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(new Error("no longer wanted"));
    else {
      this.#options.onSending();
      this.#allow(this.#options.patience.firstByteTimeout, "answer");
    }
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#hasBegun = true;
    if (status < 200) return;
    this.#allow(this.#options.patience.idleTimeout, "further byte");
    this.#head = {
      status,
      contentType: single(headers["content-type"]),
      contentEncoding: single(headers["content-encoding"]),
      retryAfter: single(headers["retry-after"]),
    };
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    const { maxAnswer, patience } = this.#options;
    if (this.#isSettled) return;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    this.#allow(patience.idleTimeout, "further byte");
    if (this.#bytes > maxAnswer) {
      this.#abandon(new GatewayError("upstream.failed", { cause: `an answer of over ${maxAnswer} bytes` }));
      return;
    }
    const refusal = this.#options.received?.(chunk.length);
    if (refusal !== undefined) this.#abandon(refusal);
  }

  onResponseEnd(): void {
    this.#release();
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    const head = this.#head;
    if (head === undefined) return this.#fail(new Error("an answer without a head"));
    if (this.#settle()) scheduleEndOfTick("hear", () => this.#options.resolve({ ...head, body }));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#release();
    this.#fail(error);
  }

  /** Ends the request as `upstream.timeout`. */
  giveUp(cause: string): void {
    this.#abandon(new GatewayError("upstream.timeout", { cause }));
  }

  readonly #abort = (): void => this.#abandon(this.#options.signal.reason);

  /** Sets the deadline of `what` to `ms` from now. */
  #allow(ms: number, what: string): void {
    this.#awaited = what;
    this.#timeout = ms;
    this.#due = this.#options.clock.now() + ms;
    if (this.#due < this.#checksAt) this.#checkIn(ms);
  }

  #checkIn(ms: number): void {
    this.#stopChecking();
    this.#checksAt = this.#options.clock.now() + ms;
    this.#stopChecking = this.#options.clock.after(ms, this.#checkDeadline);
  }

  /** Checks the deadline. The timer may fire a moment early, or the deadline may have moved. */
  readonly #checkDeadline = (): void => {
    const left = this.#due - this.#options.clock.now();
    if (left > 0) return this.#checkIn(Math.max(1, left));
    const cause = `no ${this.#awaited} in ${this.#timeout} ms`;
    this.#abandon(new GatewayError("upstream.timeout", { cause }));
  };

  /** Fails the request and lets undici close the connection, since its remaining bytes have no receiver. */
  #abandon(reason: unknown): void {
    this.#fail(reason);
    this.#controller?.abort(new Error("no longer wanted"));
  }

  #fail(error: unknown): void {
    if (!this.#settle()) return;
    // After an answer has begun, a broken connection is no reason to retry the request.
    const isCut = this.#hasBegun && !(error instanceof GatewayError);
    this.#options.reject(isCut ? new GatewayError("upstream.unreachable", { cause: error }) : error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#stopChecking();
    this.#options.signal.removeEventListener("abort", this.#abort);
    return true;
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#options.onLeft();
  }
}

/** Returns a header that should occur once. Repeated values are joined, and so match no expected value. */
function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}
