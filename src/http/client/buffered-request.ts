import type { Dispatcher } from "undici";
import type { Clock } from "../../core/clock.ts";
import type { UpstreamAnswer } from "../../core/context.ts";
import type { Member } from "../../core/swap-remove-set.ts";
import { GatewayError } from "../../core/errors.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";
import type { LookupContext } from "../../core/ports.ts";
import { scheduleEndOfTick } from "../../core/async/end-of-tick.ts";

/** How long each part of an exchange may take, in milliseconds. */
export interface Timeouts {
  readonly connectTimeout: number;
  readonly firstByteTimeout: number;
  readonly idleTimeout: number;
}

/** What an exchange needs and where it ends. */
export interface BufferedRequestOptions {
  readonly signal: Cancellation;
  readonly maxAnswer: number;
  readonly patience: Timeouts;
  readonly clock: Clock;
  /** See `LookupContext`. */
  readonly received?: LookupContext["received"];
  /** Called when the request is about to be written: until then nobody can have carried it out. */
  readonly onSending: () => void;
  readonly resolve: (answer: UpstreamAnswer) => void;
  readonly reject: (error: unknown) => void;
  /** Called once when undici has let go of the connection, which can be later than the answer to the caller. */
  readonly onLeft: () => void;
}

/**
 * One request and its whole answer, as undici's dispatch handler. Settles once. Keeps time itself: undici's timers have
 * a resolution of half a second and round up, and its wait for an answer begins before there is a connection.
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
  #isLeft = false;
  /** What is waited for, until when, and the timer that looks whether it has come: one, whatever is waited for in turn. */
  #awaited = "";
  #patience = 0;
  #due = 0;
  #looksAt = Infinity;
  #stopLooking: () => void = () => undefined;

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
      this.#cut(new GatewayError("upstream.failed", { cause: `an answer of over ${maxAnswer} bytes` }));
      return;
    }
    const refusal = this.#options.received?.(chunk.length);
    if (refusal !== undefined) this.#cut(refusal);
  }

  onResponseEnd(): void {
    this.#leave();
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    const head = this.#head;
    if (head === undefined) return this.#fail(new Error("an answer without a head"));
    if (this.#settle()) scheduleEndOfTick("hear", () => this.#options.resolve({ ...head, body }));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#leave();
    this.#fail(error);
  }

  /** Ends it as `upstream.timeout`: nobody expects an answer any more. */
  giveUp(cause: string): void {
    this.#cut(new GatewayError("upstream.timeout", { cause }));
  }

  readonly #abort = (): void => this.#cut(this.#options.signal.reason);

  /** From now on `what` may take `ms`. */
  #allow(ms: number, what: string): void {
    this.#awaited = what;
    this.#patience = ms;
    this.#due = this.#options.clock.now() + ms;
    if (this.#due < this.#looksAt) this.#lookIn(ms);
  }

  #lookIn(ms: number): void {
    this.#stopLooking();
    this.#looksAt = this.#options.clock.now() + ms;
    this.#stopLooking = this.#options.clock.after(ms, this.#look);
  }

  /** A timer may come a moment early; what is due later by now is looked for then. */
  readonly #look = (): void => {
    const left = this.#due - this.#options.clock.now();
    if (left > 0) return this.#lookIn(Math.max(1, left));
    const cause = `no ${this.#awaited} in ${this.#patience} ms`;
    this.#cut(new GatewayError("upstream.timeout", { cause }));
  };

  /** Gives up, and lets undici close the connection: what still comes on it belongs to nobody. */
  #cut(reason: unknown): void {
    this.#fail(reason);
    this.#controller?.abort(new Error("no longer wanted"));
  }

  #fail(error: unknown): void {
    if (!this.#settle()) return;
    // Once an answer has begun, how its connection ended is no longer a reason to send the request again.
    const isCut = this.#hasBegun && !(error instanceof GatewayError);
    this.#options.reject(isCut ? new GatewayError("upstream.unreachable", { cause: error }) : error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#stopLooking();
    this.#options.signal.removeEventListener("abort", this.#abort);
    return true;
  }

  #leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#options.onLeft();
  }
}

/** A header that should occur once; twice, it is joined, and so matches nothing that is looked for. */
function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}
