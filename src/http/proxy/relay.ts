import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import { hasPlainFraming, type RawHeaders, valuesOf } from "../../core/headers.ts";
import { scheduleEndOfTick } from "../../core/async/end-of-tick.ts";
import { answerHeaders, reasonPhrase } from "./answer-headers.ts";
import type { ProxyAttempt, ProxiedRequest } from "./proxied-request.ts";
import { countRead } from "./minor-gc.ts";

/** The callbacks of an attempt. */
export interface AttemptCallbacks {
  /** The answer did not come, or not completely, before the exchange ended. */
  readonly failed: (error: Error) => void;
  /** The connection is free again, whatever the result. Called once. */
  readonly left: () => void;
  /** The CMS has switched protocols, in an upgrade only; `peer` is the connection. */
  readonly switched?: (raw: RawHeaders, peer: Duplex) => void;
}

/**
 * The longest wait in milliseconds for an answer's end, if work must precede both its head and its end. Then
 * it runs once for both: Payload's ends mostly come 0.5 ms after the head, and nearly every write would
 * otherwise invalidate twice.
 */
const WAIT_MS = 20;
/** The most chunks that are buffered during that wait, to bound the memory. */
const MAX_BUFFERED = 16;

/** Statuses that prove no change. Not 400: Payload also sends it if only some records of many failed. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 404, 405]);

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly raw: RawHeaders;
}

/**
 * An attempt at a request, as undici's handler. It streams the CMS's answer to the client, at the client's
 * pace: status, reason, headers (see `answerHeaders`) and bytes. An answer that cannot be relayed is a 502.
 * An answer that breaks off ends the client's connection, so that a part cannot be taken for the whole.
 *
 * Chunks of the first turn of the event loop are buffered and written at its end, so that most answers are
 * one write. Later chunks are written directly, since a delay per turn slows a stream down. The exception is
 * an answer with work before its end (`ProxiedRequest.settle`): chunks of the end's turn must wait for it.
 */
export class Relay implements Dispatcher.DispatchHandler, ProxyAttempt {
  hasBegun = false;
  isHeld = false;
  readonly #exchange: ProxiedRequest;
  readonly #ends: AttemptCallbacks;
  #controller: Dispatcher.DispatchController | undefined;
  #head: Head | undefined;
  /** The buffered chunks; `undefined` once chunks are written directly. */
  #buffered: Buffer[] | undefined = [];
  /** Stops the wait for the answer's end, while there is one. */
  #stopWaiting: (() => void) | undefined;
  #isScheduled = false;
  #isComplete = false;
  #isSettling = false;
  #isHeadSettled = false;
  #broken: Error | undefined;

  constructor(exchange: ProxiedRequest, ends: AttemptCallbacks) {
    this.#exchange = exchange;
    this.#ends = ends;
  }

  cancel(): void {
    this.#controller?.abort(new Error("no longer wanted"));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#exchange.over) this.cancel();
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    _status: number,
    _: unknown,
    peer: Duplex,
  ): void {
    this.#ends.left();
    this.#ends.switched?.(textsOf(controller.rawHeaders), peer);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _: unknown,
    reason: string = "",
  ): void {
    const raw = textsOf(controller.rawHeaders);
    if (status === 103) this.#relayHints(raw);
    // No client needs another interim answer. Below 100 Node would throw an uncaught exception.
    if (status >= 100 && status < 200) return;
    if (status < 100 || !hasPlainFraming(raw, "1.1")) {
      const cause = new Error(`answer cannot be passed on: status ${String(status)}`);
      this.#exchange.fail("upstream.unreachable", cause);
      return;
    }
    this.hasBegun = true;
    this.#exchange.begin();
    this.#head = { status, reason, raw };
    if (REFUSALS.has(status)) this.#exchange.waive();
    if (this.#exchange.isUnsettled) this.#stopWaiting = this.#exchange.clock.after(WAIT_MS, this.#endWait);
    else this.#schedule();
  }

  /**
   * Relays early hints (RFC 8297) to a client that supports them (RFC 9110 section 15.2: HTTP/1.0 does not).
   */
  #relayHints(raw: RawHeaders): void {
    const { request, response, over } = this.#exchange;
    const link = valuesOf(raw, "link");
    if (over || request.httpVersionMinor === 0 || response.headersSent || link.length === 0) return;
    try {
      response.writeEarlyHints({ link });
    } catch {
      // Node refuses to write this link, so the hint is dropped.
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    countRead(chunk);
    if (this.#exchange.over) return;
    if (this.#buffered === undefined) {
      this.#write(chunk);
      return;
    }
    this.#buffered.push(chunk);
    if (this.#stopWaiting === undefined) this.#schedule();
    else if (this.#buffered.length > MAX_BUFFERED) this.#endWait();
  }

  onResponseEnd(): void {
    this.#isComplete = true;
    this.#ends.left();
    if (this.#buffered === undefined) this.#exchange.finish();
    else this.#endWait();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#ends.left();
    if (this.#exchange.over) return;
    if (this.#isSettling) this.#broken = error;
    else this.#ends.failed(error);
  }

  readonly #endWait = (): void => {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
    this.#schedule();
  };

  /** Schedules delivery for the end of the turn, unless the client is slow or work is in progress. */
  #schedule(): void {
    if (this.#isScheduled || this.#isSettling || this.isHeld) return;
    this.#isScheduled = true;
    scheduleEndOfTick("write", this.#proceed);
  }

  /** Delivers the buffered chunks, after the work that must precede a head or an end. */
  readonly #proceed = (): void => {
    this.#isScheduled = false;
    if (this.#exchange.over || this.#head === undefined) return;
    const settling =
      this.#isComplete || !this.#isHeadSettled
        ? this.#exchange.settle(this.#head.status < 500, this.#isComplete)
        : undefined;
    this.#isHeadSettled = true;
    if (settling === undefined) {
      this.#deliver(this.#head);
      return;
    }
    this.#isSettling = true;
    if (!this.#isComplete) this.#controller?.pause();
    void settling.then(this.#settled, this.#settled);
  };

  readonly #settled = (): void => {
    this.#isSettling = false;
    if (this.#exchange.over) return;
    if (this.#broken !== undefined) {
      this.#ends.failed(this.#broken);
      return;
    }
    // The resume makes an answer that broke off meanwhile report it, before its head is written a turn later.
    this.#isScheduled = true;
    this.#resumeAnswer();
    setImmediate(() => scheduleEndOfTick("write", this.#proceed));
  };

  /**
   * Writes the head and the buffered chunks. Later ones are written directly, if no work must precede the
   * end.
   */
  #deliver(head: Head): void {
    const { response } = this.#exchange;
    const buffered = this.#buffered ?? [];
    const isFirst = !response.headersSent;
    if (isFirst && !this.#begin(head)) return;
    this.#buffered = this.#exchange.isUnsettled ? [] : undefined;
    const last = this.#isComplete ? buffered.pop() : undefined;
    for (const chunk of buffered) this.#write(chunk);
    if (this.#isComplete) this.#exchange.finish(last);
    // An event stream's head must not wait for its first event: the browser reports it as open on the head.
    // `flushHeaders` is not an option, since it encodes header bytes above 127 as UTF-8.
    else if (isFirst && buffered.length === 0) response.write("", "latin1");
  }

  /** Writes the head. If it cannot be relayed, fails the exchange and returns false. */
  #begin({ status, reason, raw }: Head): boolean {
    const { response, requestId } = this.#exchange;
    try {
      response.writeHead(status, reasonPhrase(status, reason), answerHeaders(raw, requestId));
    } catch (cause) {
      this.#exchange.fail("upstream.unreachable", cause);
      return false;
    }
    return true;
  }

  #write(chunk: Buffer): void {
    const { response } = this.#exchange;
    if (response.write(chunk) || this.isHeld) return;
    this.isHeld = true;
    this.#controller?.pause();
    response.once("drain", this.#resume);
  }

  readonly #resume = (): void => {
    this.isHeld = false;
    this.#resumeAnswer();
    if (this.#buffered !== undefined) this.#schedule();
  };

  /** Resumes the attempt. After the answer is complete, its connection may carry another request. */
  #resumeAnswer(): void {
    if (!this.#isComplete) this.#controller?.resume();
  }
}

/** Returns names and values in turn. undici gives bytes: Latin-1 in HTTP (RFC 9110 section 5.5). */
function textsOf(raw: Dispatcher.DispatchController["rawHeaders"]): string[] {
  const texts: string[] = [];
  if (!Array.isArray(raw)) return texts;
  for (const item of raw) texts.push(typeof item === "string" ? item : item.toString("latin1"));
  return texts;
}
