import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import { hasPlainFraming, type RawHeaders } from "../core/headers.ts";
import { atTurnsEnd } from "../core/turn.ts";
import { answerHeaders, reasonPhrase } from "./answer-headers.ts";
import type { Attempt, Exchange } from "./exchange.ts";
import { countRead } from "./young.ts";

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
 * One try at a request, as undici's handler for it. Streams the CMS's answer to the client: status, reason, headers
 * (see `answerHeaders`) and bytes as they come, at the client's pace. An answer that cannot be passed on is 502; one
 * that breaks off takes the client's connection with it, so that no part can be taken for the whole.
 *
 * What comes in the first turn of the event loop is gathered and written at its end: most answers go out whole. Later
 * parts are not: a stream that waits for the end of each turn is slower.
 */
export class Relay implements Dispatcher.DispatchHandler, Attempt {
  hasBegun = false;
  isHeld = false;
  readonly #exchange: Exchange;
  readonly #ends: Ends;
  #controller: Dispatcher.DispatchController | undefined;
  #head: { readonly status: number; readonly reason: string; readonly raw: RawHeaders } | undefined;
  /** What is gathered; `undefined` once the answer goes out as it comes. */
  #gathered: Buffer[] | undefined = [];
  #isComplete = false;
  #isSettling = false;
  #broken: Error | undefined;

  constructor(exchange: Exchange, ends: Ends) {
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
    // Of interim answers there is none that a client waits for; below 100 Node would throw, uncaught.
    if (status >= 100 && status < 200) return;
    const raw = textsOf(controller.rawHeaders);
    if (status < 100 || !hasPlainFraming(raw, "1.1")) {
      const cause = new Error(`answer cannot be passed on: status ${String(status)}`);
      this.#exchange.fail("upstream.unreachable", cause);
      return;
    }
    this.hasBegun = true;
    this.#head = { status, reason, raw };
    const settling = this.#exchange.settle(status < 500);
    if (settling === undefined) {
      atTurnsEnd("write", this.#deliver);
      return;
    }
    this.#isSettling = true;
    controller.pause();
    void settling.then(this.#settled, this.#settled);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    countRead(chunk);
    if (this.#exchange.over) return;
    if (this.#gathered === undefined) this.#write(chunk);
    else this.#gathered.push(chunk);
  }

  onResponseEnd(): void {
    this.#isComplete = true;
    this.#ends.left();
    if (this.#gathered === undefined) this.#exchange.finish();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#ends.left();
    if (this.#exchange.over) return;
    if (this.#isSettling) this.#broken = error;
    else this.#ends.failed(error);
  }

  readonly #settled = (): void => {
    this.#isSettling = false;
    if (this.#exchange.over) return;
    if (this.#broken !== undefined) {
      this.#ends.failed(this.#broken);
      return;
    }
    // One that broke off meanwhile shows when it goes on, at the end of a turn, and before its head is out.
    this.#goOn();
    setImmediate(() => atTurnsEnd("write", this.#deliver));
  };

  /** Writes the head and what has come of the body; from here on the rest goes out as it comes. */
  readonly #deliver = (): void => {
    const { response, requestId } = this.#exchange;
    const gathered = this.#gathered ?? [];
    if (this.#exchange.over || this.#head === undefined) return;
    const { status, reason, raw } = this.#head;
    try {
      response.writeHead(status, reasonPhrase(status, reason), answerHeaders(raw, requestId));
    } catch (cause) {
      this.#exchange.fail("upstream.unreachable", cause);
      return;
    }
    this.#exchange.begin();
    this.#gathered = undefined;
    const last = this.#isComplete ? gathered.pop() : undefined;
    for (const chunk of gathered) this.#write(chunk);
    if (this.#isComplete) this.#exchange.finish(last);
    // An event stream's head must not wait for its first event: the browser calls it open when it has the head. Not by
    // flushHeaders, which writes a header's bytes above 127 as UTF-8 of what they are.
    else if (gathered.length === 0) response.write("", "latin1");
  };

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
