import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { type ErrorCode, GatewayError } from "../core/errors.ts";
import { announcesBody } from "./guard.ts";
import type { NativeOptions, Settle } from "./options.ts";
import { answerError } from "./reply.ts";
import type { OutgoingHeaders } from "./request-headers.ts";
import { atTurnsEnd } from "./turn.ts";

/** The two ends of one request, and its name in the log. */
export interface Parties {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
}

type Limits = Pick<
  NativeOptions,
  "firstByteTimeoutMs" | "idleTimeoutMs" | "onDone" | "onFailure" | "beforeAnswer"
>;

/**
 * One forwarded request, from the guard's yes to its end: it ends once, by `finish`, `release` or `fail`, and whatever
 * http-proxy-3 or a socket reports afterwards is of no interest.
 *
 * Its clock is the client socket's own: the one timer that also notices a slow reader's progress inside one big write,
 * where a timer of ours would cut off a client for being on a telephone.
 */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** What the CMS gets to see, and all of it. */
  readonly headers: OutgoingHeaders;
  /** True where the client announced a body. */
  readonly hasBody: boolean;
  /** The request to the CMS, once http-proxy-3 has told us of it. */
  upstream: ClientRequest | undefined;
  /** The CMS's answer, once it has begun. */
  answer: IncomingMessage | undefined;
  /** The origins it was sent to, or tried to be; see `forwarder.ts` for the cases of a second time. */
  readonly tried = new Set<string>();
  #over = false;
  #settle: Settle | undefined;
  readonly #limits: Limits;

  constructor(parties: Parties, headers: OutgoingHeaders, limits: Limits) {
    this.request = parties.request;
    this.response = parties.response;
    this.requestId = parties.requestId;
    this.headers = headers;
    this.hasBody = announcesBody(parties.request);
    this.#limits = limits;
    const { method = "", url: target = "", rawHeaders } = parties.request;
    this.#settle = limits.beforeAnswer?.({ method, target, rawHeaders });
    // http-proxy-3 does not tell of a client that leaves; the CMS may yet do what it asked for.
    if (this.#settle !== undefined) parties.response.once("close", () => void this.settle(false));
  }

  /** True once the request is answered, handed over or given up. */
  get over(): boolean {
    return this.#over;
  }

  /** True where the client's connection is gone and nothing can be told to it. */
  get clientGone(): boolean {
    return this.request.socket.destroyed;
  }

  /** Starts the clock: idle time while the client sends a body, the time to the first byte once it has. */
  watch(): void {
    const { firstByteTimeoutMs, idleTimeoutMs } = this.#limits;
    this.response.setTimeout(this.hasBody ? idleTimeoutMs : firstByteTimeoutMs, () => this.#expire());
    if (!this.hasBody) return;
    this.request.once("end", () => {
      if (this.answer === undefined && !this.#over) this.response.setTimeout(firstByteTimeoutMs);
    });
  }

  /** The answer has begun: from here on it is the idle time that counts. */
  begin(answer: IncomingMessage): void {
    this.answer = answer;
    this.response.setTimeout(this.#limits.idleTimeoutMs);
  }

  /** Begins, once, what has to be done before the client may learn the outcome; `undefined` where there is nothing. */
  settle(isSettled: boolean): Promise<void> | undefined {
    const settle = this.#settle;
    this.#settle = undefined;
    return settle?.(isSettled);
  }

  /** The answer is complete. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    atTurnsEnd(() => this.response.end());
    if (this.upstream?.writableFinished === false) this.#forgetUpload();
  }

  /** The connection is no longer ours: it is a tunnel now. */
  release(): void {
    this.#over = true;
    this.#limits.onDone?.(101);
  }

  /** Gives up: cancels what is under way at the CMS and tells the client, if it is still there, and the log. */
  fail(code: ErrorCode, cause: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.upstream?.destroy();
    // Also where the client has gone: the CMS may have done what was asked.
    const settling = this.settle(false);
    if (this.clientGone) return;
    this.#limits.onFailure({ requestId: this.requestId, method: this.request.method ?? "", code, cause });
    const tell = (): void => {
      if (this.clientGone) return;
      answerError(this.response, new GatewayError(code, { cause }), {
        requestId: this.requestId,
        close: false,
      });
    };
    if (settling === undefined) {
      tell();
      return;
    }
    // The clock that has brought us here must not cut off the client while it waits to be told.
    this.response.setTimeout(this.#limits.idleTimeoutMs);
    void settling.then(tell, tell);
  }

  /**
   * The CMS has answered before it read the whole body, so that its connection is of no further use. The client's is,
   * once the rest has been read off it; left alone, the upload would hold the CMS's connection for as long as the
   * client likes, even after it has gone, since Node reports no abort of a request that is answered.
   */
  #forgetUpload(): void {
    this.request.unpipe();
    this.request.resume();
    this.upstream?.destroy();
  }

  #expire(): void {
    const uploading = this.hasBody && !this.request.readableEnded;
    // Whoever is not being waited for is to blame: a paused side is one that we stopped, because the other is slow.
    const clientIsSlow =
      this.answer === undefined
        ? uploading && !this.request.isPaused()
        : this.answer.isPaused() || this.#over;
    const cause = new Error(`${clientIsSlow ? "client" : "CMS"} moved no byte in time`);
    if (this.#over) this.response.destroy();
    else this.fail(clientIsSlow ? "request.stalled" : "upstream.timeout", cause);
  }
}
