import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../core/clock.ts";
import { type ErrorCode, GatewayError } from "../../core/errors.ts";
import { announcesBody } from "./guard.ts";
import type { NativeOptions, Settle } from "./options.ts";
import { answerError } from "./reply.ts";
import type { OutgoingHeaders } from "./request-headers.ts";

/** A request, its response, and its id in the log. */
export interface RequestPair {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
}

/** An attempt to get an answer: see `relay.ts`. */
export interface ProxyAttempt {
  /** True after an answer has begun. */
  readonly hasBegun: boolean;
  /** True while the answer waits for the client to read. */
  readonly isHeld: boolean;
  /** Ends the attempt. The CMS may still process the request. */
  cancel(): void;
}

type Limits = Pick<
  NativeOptions,
  "clock" | "firstByteTimeoutMs" | "idleTimeoutMs" | "onDone" | "onFailure" | "beforeAnswer"
>;

/**
 * A forwarded request, from the guard's approval to its end. It ends once: by `finish`, `release` or
 * `fail`, or with the client's connection. Later events of undici or of a socket are ignored.
 *
 * Its timer is the client socket's own, which alone detects a slow reader's progress inside one large write.
 * A timer of the gateway would cut off a client on a slow line. While only the CMS's answer is awaited, a
 * timer of the gateway runs instead: bytes from the client then say nothing about the CMS.
 */
export class ProxiedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** The headers for the CMS, complete except for the body's framing. */
  readonly headers: OutgoingHeaders;
  /** True if the client announced a body that is not empty. */
  readonly hasBody: boolean;
  /** The current attempt. */
  attempt: ProxyAttempt | undefined;
  /** The origins that were tried; `forwarder.ts` has the cases of a second attempt. */
  readonly tried = new Set<string>();
  #over = false;
  #settle: Settle | undefined;
  #settling: Promise<void> | undefined;
  /** Stops the timer for the CMS's answer. */
  #stopWaiting: (() => void) | undefined;
  readonly #limits: Limits;

  constructor(parties: RequestPair, headers: OutgoingHeaders, limits: Limits) {
    const { request, response, requestId } = parties;
    this.request = request;
    this.response = response;
    this.requestId = requestId;
    this.headers = headers;
    this.hasBody = announcesBody(request) && request.headers["content-length"] !== "0";
    this.#limits = limits;
    response.on("close", () => this.#disconnect());
  }

  get clock(): Clock {
    return this.#limits.clock;
  }

  /** True after the request was answered, handed over or aborted. */
  get over(): boolean {
    return this.#over;
  }

  /** True if the client has disconnected, so that it cannot receive anything. */
  get clientGone(): boolean {
    return this.request.socket.destroyed;
  }

  /**
   * Starts the timers; called before the request is sent. The idle timeout applies while the client sends a
   * body, and the first-byte timeout after it.
   */
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

  /** Records that the CMS's answer has begun. From now on the idle timeout applies. */
  begin(): void {
    this.#stopWaiting?.();
    this.response.setTimeout(this.#limits.idleTimeoutMs);
  }

  /** True if work remains before the end of the answer may reach the client. */
  get isUnsettled(): boolean {
    return this.#settle !== undefined;
  }

  /** Skips that work, since the CMS has changed nothing. */
  waive(): void {
    void this.#settle?.("refused", true);
    this.#settle = undefined;
  }

  /**
   * Starts the work that must finish before the client may receive the outcome; `undefined` if there is none.
   * It runs once, or twice for an answer that is not `whole`, since the CMS may make changes until the
   * answer's end.
   */
  settle(isSettled: boolean, whole = true): Promise<void> | undefined {
    const settle = this.#settle;
    if (whole) this.#settle = undefined;
    this.#settling = settle?.(isSettled ? "settled" : "uncertain", whole) ?? this.#settling;
    return settle === undefined ? undefined : this.#settling;
  }

  /** Completes the answer, with `last` as its last part. */
  finish(last?: Buffer): void {
    if (this.#over) return;
    this.#end();
    this.response.end(last);
  }

  /** Hands the connection over: it is a tunnel now. */
  release(): void {
    this.#end();
    void this.settle(true);
    this.#limits.onDone?.(101);
  }

  /**
   * Aborts: cancels the attempt and reports the error to the log and to the client, if it is still connected.
   */
  fail(code: ErrorCode, cause: unknown): void {
    if (this.#over) return;
    this.#end();
    this.attempt?.cancel();
    // Also if the client has disconnected, since the CMS may have processed the request. Work in progress is
    // awaited, too.
    const settling = this.settle(false) ?? this.#settling;
    if (this.clientGone) return;
    this.#limits.onFailure({ requestId: this.requestId, method: this.request.method ?? "", code, cause });
    const report = (): void => {
      if (this.clientGone) return;
      answerError(this.response, new GatewayError(code, { cause }), {
        requestId: this.requestId,
        close: false,
        clock: this.clock,
      });
    };
    // The timer that led here must not cut off the client while it waits for the error, nor may that wait be
    // unlimited.
    this.response.setTimeout(this.#limits.idleTimeoutMs);
    if (settling === undefined) report();
    else void settling.then(report, report);
  }

  get #hasBegun(): boolean {
    return this.attempt?.hasBegun === true;
  }

  /** Ends the request when the client's connection has closed. */
  #disconnect(): void {
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
    // The gateway pauses a side because the other one is slow, so the side that is not paused is at fault.
    const clientIsSlow = this.#hasBegun
      ? this.attempt?.isHeld === true || this.#over
      : uploading && !this.request.isPaused();
    const cause = new Error(`${clientIsSlow ? "client" : "CMS"} moved no byte in time`);
    if (this.#over) this.response.destroy();
    else this.fail(clientIsSlow ? "request.stalled" : "upstream.timeout", cause);
  };
}
