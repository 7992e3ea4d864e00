import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../core/clock.ts";
import { type ErrorCode, GatewayError } from "../../core/errors.ts";
import { announcesBody } from "./guard.ts";
import type { NativeOptions, Settle } from "./options.ts";
import { answerError } from "./reply.ts";
import type { OutgoingHeaders } from "./request-headers.ts";

/** The two ends of one request, and its name in the log. */
export interface Parties {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
}

/** One try at having a request answered: see `relay.ts`. */
export interface ProxyAttempt {
  /** True once an answer has begun. */
  readonly hasBegun: boolean;
  /** True where the answer waits for the client to read. */
  readonly isHeld: boolean;
  /** Ends it; the CMS may yet do what was asked. */
  cancel(): void;
}

type Limits = Pick<
  NativeOptions,
  "clock" | "firstByteTimeoutMs" | "idleTimeoutMs" | "onDone" | "onFailure" | "beforeAnswer"
>;

/**
 * One forwarded request, from the guard's yes to its end: it ends once, by `finish`, `release` or `fail`, or with the
 * client's connection, and whatever undici or a socket reports afterwards is of no interest.
 *
 * Its clock is the client socket's own: the one timer that also notices a slow reader's progress inside one big write,
 * where a timer of ours would cut off a client for being on a telephone. But while only the CMS is waited for, it is one
 * of ours: what a client sends meanwhile is no sign of the CMS's.
 */
export class ProxiedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** What the CMS gets to see, and all of it but the body's framing. */
  readonly headers: OutgoingHeaders;
  /** True where the client announced a body that is not empty. */
  readonly hasBody: boolean;
  /** The try that is under way. */
  attempt: ProxyAttempt | undefined;
  /** The origins it was sent to, or tried to be; see `forwarder.ts` for the cases of a second time. */
  readonly tried = new Set<string>();
  #over = false;
  #settle: Settle | undefined;
  #settling: Promise<void> | undefined;
  /** Stops the clock that runs while the CMS is waited for. */
  #stopWaiting: (() => void) | undefined;
  readonly #limits: Limits;

  constructor(parties: Parties, headers: OutgoingHeaders, limits: Limits) {
    const { request, response, requestId } = parties;
    this.request = request;
    this.response = response;
    this.requestId = requestId;
    this.headers = headers;
    this.hasBody = announcesBody(request) && request.headers["content-length"] !== "0";
    this.#limits = limits;
    response.on("close", () => this.#leave());
  }

  get clock(): Clock {
    return this.#limits.clock;
  }

  /** True once the request is answered, handed over or given up. */
  get over(): boolean {
    return this.#over;
  }

  /** True where the client's connection is gone and nothing can be told to it. */
  get clientGone(): boolean {
    return this.request.socket.destroyed;
  }

  /** Called before it is sent. Starts the clock: idle time while the client sends a body, the time to the first byte once it has. */
  watch(): void {
    const { method = "", url: target = "", rawHeaders } = this.request;
    this.#settle = this.#limits.beforeAnswer?.({ method, target, rawHeaders });
    this.response.setTimeout(this.hasBody ? this.#limits.idleTimeoutMs : 0, this.#expire);
    if (!this.hasBody) this.#awaitCms();
    else
      this.request.once("end", () => {
        if (this.#hasBegun || this.#over) return;
        this.response.setTimeout(0);
        this.#awaitCms();
      });
  }

  /** The CMS's answer has begun: from here on it is the idle time that counts. */
  begin(): void {
    this.#stopWaiting?.();
    this.response.setTimeout(this.#limits.idleTimeoutMs);
  }

  /** True where something is still to be done before the end of the answer may reach the client. */
  get isUnsettled(): boolean {
    return this.#settle !== undefined;
  }

  /** The CMS has changed nothing, so that nothing has to be done before the client may learn it. */
  waive(): void {
    void this.#settle?.("refused", true);
    this.#settle = undefined;
  }

  /**
   * Begins what has to be done before the client may learn the outcome; `undefined` where there is nothing. Once, but
   * for an answer that is not `whole`: what the CMS does before its end has to be dealt with then.
   */
  settle(isSettled: boolean, whole = true): Promise<void> | undefined {
    const settle = this.#settle;
    if (whole) this.#settle = undefined;
    this.#settling = settle?.(isSettled ? "settled" : "uncertain", whole) ?? this.#settling;
    return settle === undefined ? undefined : this.#settling;
  }

  /** The answer is complete, with this as its last part. */
  finish(last?: Buffer): void {
    if (this.#over) return;
    this.#end();
    this.response.end(last);
  }

  /** The connection is no longer ours: it is a tunnel now. */
  release(): void {
    this.#end();
    void this.settle(true);
    this.#limits.onDone?.(101);
  }

  /** Gives up: cancels what is under way at the CMS and tells the client, if it is still there, and the log. */
  fail(code: ErrorCode, cause: unknown): void {
    if (this.#over) return;
    this.#end();
    this.attempt?.cancel();
    // Also where the client has gone: the CMS may have done what was asked. What is under way is waited for as well.
    const settling = this.settle(false) ?? this.#settling;
    if (this.clientGone) return;
    this.#limits.onFailure({ requestId: this.requestId, method: this.request.method ?? "", code, cause });
    const tell = (): void => {
      if (this.clientGone) return;
      answerError(this.response, new GatewayError(code, { cause }), {
        requestId: this.requestId,
        close: false,
        clock: this.clock,
      });
    };
    // The clock that has brought us here must not cut off the client while it waits to be told, nor may it wait for ever.
    this.response.setTimeout(this.#limits.idleTimeoutMs);
    if (settling === undefined) tell();
    else void settling.then(tell, tell);
  }

  get #hasBegun(): boolean {
    return this.attempt?.hasBegun === true;
  }

  /** The client's connection is gone, or all was said: what then goes on at the CMS goes on for nobody. */
  #leave(): void {
    if (this.#over) return;
    this.#end();
    this.attempt?.cancel();
    void this.settle(false);
  }

  #end(): void {
    this.#over = true;
    this.#stopWaiting?.();
  }

  #awaitCms(): void {
    this.#stopWaiting = this.clock.after(this.#limits.firstByteTimeoutMs, this.#expire);
  }

  readonly #expire = (): void => {
    const uploading = this.hasBody && !this.request.readableEnded;
    // Whoever is not being waited for is to blame: a paused side is one that we stopped, because the other is slow.
    const clientIsSlow = this.#hasBegun
      ? this.attempt?.isHeld === true || this.#over
      : uploading && !this.request.isPaused();
    const cause = new Error(`${clientIsSlow ? "client" : "CMS"} moved no byte in time`);
    if (this.#over) this.response.destroy();
    else this.fail(clientIsSlow ? "request.stalled" : "upstream.timeout", cause);
  };
}
