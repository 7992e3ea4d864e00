import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../core/clock.ts";
import type { Incoming } from "../core/context.ts";
import { renderError, type Answer } from "../core/envelope.ts";
import { GatewayError, toGatewayError } from "../core/errors.ts";
import { carriesApiKey, hasUsableHost, valuesOf } from "../core/headers.ts";
import { isLoop } from "../core/loop.ts";
import { CancellationSource } from "../core/async/cancellation.ts";
import { isUnderPrefix, originFormOf, parseTarget, type RequestTarget } from "../core/path.ts";
import { scheduleEndOfTick, flushTick } from "../core/async/end-of-tick.ts";
import { announcesBody } from "../http/proxy/guard.ts";
import type { NativeProxy } from "../http/proxy/proxy.ts";
import type { AcceptBatcher } from "./accept-batcher.ts";
import { createBodySource } from "./body-source.ts";
import type { ClientConnections } from "./client-connections.ts";
import { respond, respondRaw } from "./respond.ts";

/** The destinations of requests. */
export interface Routes {
  readonly gateway: (request: Incoming) => Promise<Answer>;
  readonly native: NativeProxy;
  readonly nativePrefixes: readonly string[];
  /** False if a key on a native path is only observed. */
  readonly refusesNativeKeys: boolean;
  /** The longest pause within a partner's body, in milliseconds. */
  readonly bodyPause: number;
}

/** The dependencies of a router. */
export interface RequestRouterOptions {
  /**
   * Returns the current routes. A request reads them once, when it starts, and keeps them: a reload replaces
   * them.
   */
  readonly ways: () => Routes;
  /** Called for every request that was answered before it reached the pipeline or the native proxy. */
  readonly onRefused: (refused: Refused) => void;
  readonly clock: Clock;
}

/** A request that the router itself refused. */
export interface Refused {
  readonly requestId: string;
  readonly method: string;
  readonly error: GatewayError;
}

/** A request with its response and its id. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly expectsContinue: boolean;
}

/** Sends each request to the partner pipeline or to the native proxy, or refuses it. */
export class RequestRouter {
  readonly #options: RequestRouterOptions;
  readonly #connections: ClientConnections;
  readonly #batcher: AcceptBatcher;

  constructor(options: RequestRouterOptions, connections: ClientConnections, batcher: AcceptBatcher) {
    this.#options = options;
    this.#connections = connections;
    this.#batcher = batcher;
  }

  /** Accepts a request. Never throws: every request is answered, or its connection is closed. */
  enter(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    request.url = originFormOf(request.url ?? "", request.headers.host);
    const exchange = { request, response, requestId: randomUUID(), expectsContinue };
    const later = (): void => this.#batcher.add(() => this.#send(exchange));
    // Register the request at once: no later request on its connection may be answered before it.
    if (!this.#connections.begin(request, response, later)) return;
    // A request with a body starts at once. If it is refused, the connection's fate depends on how much of
    // the body was read by then.
    if (announcesBody(request)) this.#send(exchange);
    else later();
  }

  /**
   * Returns true if a request for an upgrade gets one. Otherwise it is the last request on its connection.
   * Node 24.21 discards the bytes that it has read behind such a request. They can be the head of a request,
   * whose body would then be parsed as a request.
   */
  isUpgrade(request: IncomingMessage): boolean {
    request.url = originFormOf(request.url ?? "", request.headers.host);
    const isNative =
      parseTarget(request.url).kind === "other" &&
      isUnderPrefix(request.url, this.#options.ways().nativePrefixes) &&
      request.headers.upgrade?.toLowerCase() === "websocket";
    if (isNative) this.#connections.upgrade(request.socket);
    else this.#connections.endWithNext(request.socket);
    return isNative;
  }

  /**
   * Handles a request that Node's parser refused, that timed out, or that asks for a tunnel (CONNECT). Writes
   * the error envelope to the socket and closes it. If a request is in flight, only its answer is sent before
   * the close.
   */
  refuseUnreadable(cause: object, socket: Duplex): void {
    const code = "code" in cause ? cause.code : undefined;
    const isCommitted = this.#connections.isCommitted(socket);
    // Parser errors, except the one for a client that has disconnected.
    const isMalformed = /^HPE_(?!INVALID_EOF)/.test(String(code));
    if (code === "ECONNRESET" || (isCommitted && !isMalformed)) {
      socket.destroy();
      return;
    }
    if (isMalformed && !this.#connections.breakOff(socket)) return;
    const requestId = randomUUID();
    const isLate = code === "ERR_HTTP_REQUEST_TIMEOUT";
    // Without the parser's own message, since it quotes the refused bytes.
    const error = new GatewayError(isLate ? "request.stalled" : "request.malformed", { cause: { code } });
    this.#options.onRefused({ requestId, method: "", error });
    if (!isCommitted) respondRaw(socket, error, requestId);
  }

  /** Dispatches a request, unless its client has disconnected. */
  #send(exchange: Exchange): void {
    if (exchange.request.socket.destroyed) return;
    try {
      // Read here and not earlier: a reload may close the routes of a request that only waits, since it is
      // not in flight on them.
      const ways = this.#options.ways();
      const target = parseTarget(exchange.request.url ?? "");
      if (target.kind === "other") this.#native(exchange, ways);
      else this.#partners(exchange, ways, target);
    } catch (thrown) {
      this.#refuse(exchange, toGatewayError(thrown));
    }
  }

  #partners(exchange: Exchange, ways: Routes, target: RequestTarget): void {
    const { request, response, requestId, expectsContinue } = exchange;
    const { clock } = this.#options;
    if (isLoop(request.rawHeaders)) return this.#refuse(exchange, new GatewayError("gateway.loop"));
    if (!isPlainMessage(request)) return this.#refuse(exchange, new GatewayError("request.malformed"));
    const left = new CancellationSource();
    response.on("close", () => {
      if (!response.writableFinished)
        left.abort(new GatewayError("request.stalled", { cause: "the client has gone" }));
    });
    const incoming: Incoming = {
      requestId,
      method: request.method ?? "",
      httpVersion: request.httpVersion,
      target,
      headers: request.rawHeaders,
      body: createBodySource({ request, response, expectsContinue, pause: ways.bodyPause, clock }),
      signal: left,
      afterwards: (task) => void (response.closed ? task() : response.on("close", task)),
      note: { stage: "receive", upstreamRequests: 0, upstreamMs: 0, ...clientRequestId(request) },
    };
    ways
      .gateway(incoming)
      .then((answer) => this.#answer(exchange, answer))
      // If the log fails, the client still gets an envelope, and the rejection is handled.
      .catch((thrown: unknown) => this.#refuse(exchange, toGatewayError(thrown)));
  }

  /**
   * Writes the answer together with the others of this tick. With an announced body it is written at once,
   * while the amount of body that was read is known.
   */
  #answer(exchange: Exchange, answer: Answer): void {
    scheduleEndOfTick("write", () => this.#write(exchange, answer));
    if (announcesBody(exchange.request)) flushTick();
  }

  #write(exchange: Exchange, answer: Answer): void {
    try {
      respond(exchange.response, answer, this.#options.clock);
    } catch (thrown) {
      // Node refuses to send this answer.
      this.#refuse(exchange, toGatewayError(thrown));
    }
  }

  #native(exchange: Exchange, ways: Routes): void {
    const { request, response, requestId, expectsContinue } = exchange;
    const isNative = isUnderPrefix(request.url ?? "", ways.nativePrefixes) && request.url !== "*";
    // A key outside the Partners API is refused on every path. The native proxy checks again.
    if (!isNative) {
      const isKeyed = carriesApiKey(request.rawHeaders);
      if (!isKeyed && isServerWide(request)) return this.#write(exchange, serverOptions(requestId));
      return this.#refuse(exchange, new GatewayError(isKeyed ? "native.keyed" : "route.unknown"));
    }
    const isRefused = ways.refusesNativeKeys && carriesApiKey(request.rawHeaders);
    if (expectsContinue && !isRefused) response.writeContinue();
    ways.native.web(request, response, requestId);
  }

  #refuse({ request, response, requestId }: Exchange, error: GatewayError): void {
    try {
      this.#options.onRefused({ requestId, method: request.method ?? "", error });
    } finally {
      try {
        respond(response, renderError(error, requestId), this.#options.clock);
      } catch {
        response.destroy();
      }
    }
  }
}

/**
 * True for HTTP/1.1, and for 1.0 without a transfer coding (RFC 9112 section 6.1 calls that framing faulty).
 * The `Host` must be valid; 1.0 may omit it (section 3.2). Node also accepts 0.9, 2.0 and any `Host`.
 */
function isPlainMessage({
  httpVersionMajor,
  httpVersionMinor,
  headers,
  rawHeaders,
}: IncomingMessage): boolean {
  if (httpVersionMajor !== 1) return false;
  if (httpVersionMinor === 1) return hasUsableHost(rawHeaders);
  return (
    headers["transfer-encoding"] === undefined && (headers.host === undefined || hasUsableHost(rawHeaders))
  );
}

/**
 * True for `OPTIONS *` (RFC 9110 section 9.3.7). It addresses the server and not a resource, so the gateway
 * answers it.
 */
function isServerWide(request: IncomingMessage): boolean {
  return request.method === "OPTIONS" && request.url === "*" && isPlainMessage(request);
}

function serverOptions(requestId: string): Answer {
  return { status: 200, headers: { "cache-control": "no-store", "x-request-id": requestId }, body: "" };
}

/**
 * Returns the client's own request id for the log, cut to 64 characters. It never replaces the gateway's id.
 */
function clientRequestId(request: IncomingMessage): { clientRequestId?: string } {
  const [given] = valuesOf(request.rawHeaders, "x-request-id");
  return given === undefined ? {} : { clientRequestId: given.slice(0, 64) };
}
