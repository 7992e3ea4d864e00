import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import { hasPlainFraming, type RawHeaders, valuesOf } from "../../core/headers.ts";
import { scheduleEndOfTick } from "../../core/async/end-of-tick.ts";
import { answerHeaders, reasonPhrase } from "./answer-headers.ts";
import type { ProxyAttempt, ProxiedRequest } from "./proxied-request.ts";
import { countRead } from "./minor-gc.ts";

/** Who has to know how a try went. */
export interface Ends {
  /** No answer, or not all of it, while the exchange was not over. */
  readonly failed: (error: Error) => void;
  /** Its connection is free again, whatever became of the request. Called once. */
  readonly left: () => void;
  /** The CMS has switched protocols, which only an upgrade lets it; `peer` is the connection. */
  readonly switched?: (raw: RawHeaders, peer: Duplex) => void;
}

/**
 * How long the end of an answer may stay behind its head to be taken for one with it, where something is to be done
 * before both, in milliseconds. Payload's ends mostly come half a millisecond later: without this nearly every write
 * would make everybody forget twice.
 */
const SOON_MS = 20;
/** Of an answer of more parts than this the end is not waited for: meanwhile they would fill the memory. */
const FEW_PARTS = 16;

/**
 * Answers by which the CMS has not carried the request out. Not 400: of an operation on many records Payload says so where
 * it failed for some of them.
 */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 404, 405]);

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly raw: RawHeaders;
}

/**
 * One try at a request, as undici's handler for it. Streams the CMS's answer to the client: status, reason, headers
 * (see `answerHeaders`) and bytes as they come, at the client's pace. An answer that cannot be passed on is 502; one
 * that breaks off takes the client's connection with it, so that no part can be taken for the whole.
 *
 * What comes in the first turn of the event loop is gathered and written at its end: most answers go out whole. Later
 * parts are not: a stream that waits for the end of each turn is slower. But for one before whose end something is to
 * be done (`Exchange.settle`): what comes in one turn with the end must not be out before that is done.
 */
export class Relay implements Dispatcher.DispatchHandler, ProxyAttempt {
  hasBegun = false;
  isHeld = false;
  readonly #exchange: ProxiedRequest;
  readonly #ends: Ends;
  #controller: Dispatcher.DispatchController | undefined;
  #head: Head | undefined;
  /** What is gathered; `undefined` once the answer goes out as it comes. */
  #gathered: Buffer[] | undefined = [];
  /** Stops the wait for an end that may come soon, while there is one. */
  #stopWaiting: (() => void) | undefined;
  #isPlanned = false;
  #isComplete = false;
  #isSettling = false;
  #isHeadSettled = false;
  #broken: Error | undefined;

  constructor(exchange: ProxiedRequest, ends: Ends) {
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
    // No client waits for another interim answer; below 100 Node would throw, uncaught.
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
    if (this.#exchange.isUnsettled) this.#stopWaiting = this.#exchange.clock.after(SOON_MS, this.#waitNoMore);
    else this.#plan();
  }

  /** Early hints (RFC 8297) go on to a client that can read them (RFC 9110 section 15.2: HTTP/1.0 cannot). */
  #relayHints(raw: RawHeaders): void {
    const { request, response, over } = this.#exchange;
    const link = valuesOf(raw, "link");
    if (over || request.httpVersionMinor === 0 || response.headersSent || link.length === 0) return;
    try {
      response.writeEarlyHints({ link });
    } catch {
      // A link that Node will not write is a hint less.
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    countRead(chunk);
    if (this.#exchange.over) return;
    if (this.#gathered === undefined) {
      this.#write(chunk);
      return;
    }
    this.#gathered.push(chunk);
    if (this.#stopWaiting === undefined) this.#plan();
    else if (this.#gathered.length > FEW_PARTS) this.#waitNoMore();
  }

  onResponseEnd(): void {
    this.#isComplete = true;
    this.#ends.left();
    if (this.#gathered === undefined) this.#exchange.finish();
    else this.#waitNoMore();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#ends.left();
    if (this.#exchange.over) return;
    if (this.#isSettling) this.#broken = error;
    else this.#ends.failed(error);
  }

  readonly #waitNoMore = (): void => {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
    this.#plan();
  };

  /** What is gathered is seen to at the end of the turn; where the client reads no more, or it has to wait, after that. */
  #plan(): void {
    if (this.#isPlanned || this.#isSettling || this.isHeld) return;
    this.#isPlanned = true;
    scheduleEndOfTick("write", this.#proceed);
  }

  /** Delivers what is gathered, and before a head or an end has done what must be done first. */
  readonly #proceed = (): void => {
    this.#isPlanned = false;
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
    // One that broke off meanwhile shows when it goes on, at the end of a turn, and before its head is out.
    this.#isPlanned = true;
    this.#goOn();
    setImmediate(() => scheduleEndOfTick("write", this.#proceed));
  };

  /** Writes what has come, the head first. From here on the rest goes out as it comes, unless its end has to wait. */
  #deliver(head: Head): void {
    const { response } = this.#exchange;
    const gathered = this.#gathered ?? [];
    const isFirst = !response.headersSent;
    if (isFirst && !this.#begin(head)) return;
    this.#gathered = this.#exchange.isUnsettled ? [] : undefined;
    const last = this.#isComplete ? gathered.pop() : undefined;
    for (const chunk of gathered) this.#write(chunk);
    if (this.#isComplete) this.#exchange.finish(last);
    // An event stream's head must not wait for its first event: the browser calls it open when it has the head. Not by
    // flushHeaders, which writes a header's bytes above 127 as UTF-8 of what they are.
    else if (isFirst && gathered.length === 0) response.write("", "latin1");
  }

  /** Writes the head. False where it cannot be passed on, which is told. */
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
    this.#goOn();
    if (this.#gathered !== undefined) this.#plan();
  };

  /** Once it is complete, its connection may carry somebody else's. */
  #goOn(): void {
    if (!this.#isComplete) this.#controller?.resume();
  }
}

/** Names and values in turn. undici gives their bytes, which HTTP has as Latin-1 (RFC 9110 section 5.5). */
function textsOf(raw: Dispatcher.DispatchController["rawHeaders"]): string[] {
  const texts: string[] = [];
  if (!Array.isArray(raw)) return texts;
  for (const item of raw) texts.push(typeof item === "string" ? item : item.toString("latin1"));
  return texts;
}
