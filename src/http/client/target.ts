import { LOOP_HEADER, loopHeaderValue } from "../../core/loop.ts";
import type { Clock } from "../../core/clock.ts";
import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import { SwapRemoveSet } from "../../core/swap-remove-set.ts";
import { GatewayError } from "../../core/errors.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";
import type { LookupContext } from "../../core/ports.ts";
import { createBreaker, type Breaker } from "./breaker.ts";
import { TargetConnections, type TargetConnectionsOptions } from "./target-connections.ts";
import { BufferedRequest, type Timeouts } from "./buffered-request.ts";
import { isAnswered, isTimeout } from "./failure.ts";

/**
 * The state of a CMS, or of one of its targets. `degraded`: the last request failed. `down`: it gets trial
 * requests only.
 */
export type CmsState = "unknown" | "ok" | "degraded" | "down";

/** Times in milliseconds, sizes in bytes. */
export interface TargetOptions extends Timeouts, TargetConnectionsOptions {
  readonly maxAnswer: number;
  readonly breakerFailures: number;
  readonly breakerRetry: number;
  readonly clock: Clock;
}

/** An attempt to send a request to one target. */
export interface Attempt {
  readonly outgoing: Outgoing;
  readonly signal: Cancellation;
  readonly received?: LookupContext["received"];
  /** Called once when the connection is free again, which can be later than the answer. */
  readonly onLeft: () => void;
  /** Called when the request can no longer be withdrawn. */
  readonly onSending: () => void;
}

const SILENCE: ReadonlySet<string> = new Set(["upstream.unreachable", "upstream.timeout", "upstream.open"]);

/** A process of the CMS: its connections, its breaker and its health. */
export class Target {
  readonly origin: string;
  readonly breaker: Breaker;
  /** True while the health checks fail. */
  isFailing = false;
  /** Called when the breaker opens, with the last failure, and when it closes. */
  onBreaker: (failure?: { readonly cause: unknown }) => void = () => undefined;
  readonly #options: TargetOptions;
  readonly #clients: TargetConnections;
  readonly #reads = new SwapRemoveSet<BufferedRequest>();
  #pending = 0;
  #last: CmsState = "unknown";

  constructor(origin: string, options: TargetOptions) {
    const { breakerFailures: failures, breakerRetry: retryAfter, clock } = options;
    this.origin = origin;
    this.#options = options;
    this.breaker = createBreaker({ failures, retryAfter, clock });
    this.#clients = new TargetConnections(origin, options);
  }

  /** The number of requests that hold a connection, including those whose client has disconnected. */
  get pending(): number {
    return this.#pending;
  }

  get state(): CmsState {
    if (this.breaker.isOpen || this.isFailing) return "down";
    return this.#last;
  }

  /** Sends a request once and reports the result to the breaker. Rejects with any failure. */
  async send(attempt: Attempt): Promise<UpstreamAnswer> {
    const { signal } = attempt;
    const begun = this.#options.clock.now();
    try {
      const answer = await this.#exchange(attempt);
      this.#answered();
      this.#last = "ok";
      return answer;
    } catch (error) {
      // Too large an answer, or a cancelled request, does not mean that the CMS is down: clients can cause
      // both.
      const isOurs = error instanceof GatewayError;
      if (isAnswered(error)) this.#answered();
      else if (!signal.aborted) this.#failed(begun, error);
      if (!signal.aborted && (!isOurs || SILENCE.has(error.code))) this.#last = "degraded";
      throw error;
    }
  }

  /**
   * Fails the reads that wait for this target, so that they can be retried on another one. Writes continue,
   * since their effect is unknown.
   */
  abandonReads(): void {
    for (const read of this.#reads.all()) read.giveUp("the target was taken out");
  }

  /** Ends the requests in flight and closes every connection. */
  close(): Promise<void> {
    return this.#clients.close();
  }

  #answered(): void {
    const wasOpen = this.breaker.isOpen;
    this.breaker.answered();
    if (wasOpen) this.onBreaker();
  }

  #failed(begun: number, cause: unknown): void {
    const wasOpen = this.breaker.isOpen;
    this.breaker.failed({ begun, slow: isTimeout(cause) });
    if (!wasOpen && this.breaker.isOpen) this.onBreaker({ cause });
  }

  #exchange({ outgoing, signal, received, onLeft, onSending }: Attempt): Promise<UpstreamAnswer> {
    const { maxAnswer, clock } = this.#options;
    const client = this.#clients.take();
    this.#pending += 1;
    return new Promise((resolve, reject) => {
      const handler: BufferedRequest = new BufferedRequest({
        signal,
        received,
        maxAnswer,
        patience: this.#options,
        clock,
        resolve,
        reject,
        onSending,
        onLeft: () => {
          this.#pending -= 1;
          this.#reads.delete(handler);
          this.#clients.give(client);
          onLeft();
        },
      });
      if (outgoing.method === "GET") this.#reads.add(handler);
      const { method, target: path, headers, body = null } = outgoing.sentAs ?? outgoing;
      client.dispatch({ method, path, headers: [...headers, LOOP_HEADER, loopHeaderValue()], body }, handler);
    });
  }
}
