import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../core/clock.ts";
import type { Incoming } from "../core/context.ts";
import { renderError, type Answer } from "../core/envelope.ts";
import { GatewayError, toGatewayError } from "../core/errors.ts";
import { carriesApiKey, hasUsableHost, valuesOf } from "../core/headers.ts";
import { hasComeBack } from "../core/loop.ts";
import { CancellationSource } from "../core/async/cancellation.ts";
import { isUnderPrefix, originFormOf, parseTarget, type RequestTarget } from "../core/path.ts";
import { scheduleEndOfTick, flushTick } from "../core/async/end-of-tick.ts";
import { announcesBody } from "../http/proxy/guard.ts";
import type { NativeProxy } from "../http/proxy/proxy.ts";
import type { AcceptBatcher } from "./accept-batcher.ts";
import { createBodySource } from "./body-source.ts";
import type { ClientConnections } from "./client-connections.ts";
import { respond, respondRaw } from "./respond.ts";

/** Where a request can go. */
export interface Routes {
  readonly gateway: (request: Incoming) => Promise<Answer>;
  readonly native: NativeProxy;
  readonly nativePrefixes: readonly string[];
  /** False where a key on a native path is only observed. */
  readonly refusesNativeKeys: boolean;
  /** The longest pause within a partner's body, in milliseconds. */
  readonly bodyPause: number;
}

/** What a door needs to know. */
export interface RequestRouterOptions {
  /** The ways as they are now. Asked when a request begins, which then keeps to them: a reload opens others. */
  readonly ways: () => Routes;
  /** Told of every request that was answered before the pipeline or the native proxy saw it. */
  readonly onRefused: (refused: Refused) => void;
  readonly clock: Clock;
}

/** A request that was answered at the door. */
export interface Refused {
  readonly requestId: string;
  readonly method: string;
  readonly error: GatewayError;
}

/** A request on its way in, with its answer and its name. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly expectsContinue: boolean;
}

/** Decides for each request which way through the house it takes. */
export class RequestRouter {
  readonly #options: RequestRouterOptions;
  readonly #connections: ClientConnections;
  readonly #backlog: AcceptBatcher;

  constructor(options: RequestRouterOptions, connections: ClientConnections, backlog: AcceptBatcher) {
    this.#options = options;
    this.#connections = connections;
    this.#backlog = backlog;
  }

  /** Takes a request in. Never throws: whatever happens, it is answered or its connection is closed. */
  enter(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    request.url = originFormOf(request.url ?? "", request.headers.host);
    const visit = { request, response, requestId: randomUUID(), expectsContinue };
    const later = (): void => this.#backlog.add(() => this.#send(visit));
    // At once: from here on nothing else may be answered on its connection before it.
    if (!this.#connections.begin(request, response, later)) return;
    // One with a body does not wait: how much of that was read when it is refused decides about the connection.
    if (announcesBody(request)) this.#send(visit);
    else later();
  }

  /**
   * Whether a request that asks for an upgrade gets one. Otherwise it is the last on its connection: Node 24.21 throws away
   * what it has read behind it, which can be the head of a request whose body is then read as one.
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
   * A request that Node's parser refused, that did not come in time, or that wants the connection for itself (CONNECT):
   * the envelope, by hand, and the end; behind a request under way, only its answer and the end.
   */
  refuseUnreadable(cause: object, socket: Duplex): void {
    const code = "code" in cause ? cause.code : undefined;
    const isCommitted = this.#connections.isCommitted(socket);
    // The parser's, but for the one that tells that the client has gone.
    const isMalformed = /^HPE_(?!INVALID_EOF)/.test(String(code));
    if (code === "ECONNRESET" || (isCommitted && !isMalformed)) {
      socket.destroy();
      return;
    }
    if (isMalformed && !this.#connections.breakOff(socket)) return;
    const requestId = randomUUID();
    const isLate = code === "ERR_HTTP_REQUEST_TIMEOUT";
    // Without the parser's own words: they quote the bytes that it refused.
    const error = new GatewayError(isLate ? "request.stalled" : "request.malformed", { cause: { code } });
    this.#options.onRefused({ requestId, method: "", error });
    if (!isCommitted) respondRaw(socket, error, requestId);
  }

  /** On its way, unless nobody waits for it any more. */
  #send(visit: Visit): void {
    if (visit.request.socket.destroyed) return;
    try {
      // Not before: those of a request that only waits may be closed, since nothing is under way on them.
      const ways = this.#options.ways();
      const target = parseTarget(visit.request.url ?? "");
      if (target.kind === "other") this.#native(visit, ways);
      else this.#partners(visit, ways, target);
    } catch (thrown) {
      this.#refuse(visit, toGatewayError(thrown));
    }
  }

  #partners(visit: Visit, ways: Routes, target: RequestTarget): void {
    const { request, response, requestId, expectsContinue } = visit;
    const { clock } = this.#options;
    if (hasComeBack(request.rawHeaders)) return this.#refuse(visit, new GatewayError("gateway.loop"));
    if (!isPlainMessage(request)) return this.#refuse(visit, new GatewayError("request.malformed"));
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
      .then((answer) => this.#answer(visit, answer))
      // A log that cannot be written: still an envelope, and no unhandled rejection.
      .catch((thrown: unknown) => this.#refuse(visit, toGatewayError(thrown)));
  }

  /** With what else is ready in this turn; where a body was announced at once, while it is known how much of it was read. */
  #answer(visit: Visit, answer: Answer): void {
    scheduleEndOfTick("write", () => this.#write(visit, answer));
    if (announcesBody(visit.request)) flushTick();
  }

  #write(visit: Visit, answer: Answer): void {
    try {
      respond(visit.response, answer, this.#options.clock);
    } catch (thrown) {
      // An answer that Node will not send.
      this.#refuse(visit, toGatewayError(thrown));
    }
  }

  #native(visit: Visit, ways: Routes): void {
    const { request, response, requestId, expectsContinue } = visit;
    const isNative = isUnderPrefix(request.url ?? "", ways.nativePrefixes) && request.url !== "*";
    // A key outside the Partners API is refused wherever it was sent; the native proxy checks again for itself.
    if (!isNative) {
      const isKeyed = carriesApiKey(request.rawHeaders);
      if (!isKeyed && isServerWide(request)) return this.#write(visit, serverOptions(requestId));
      return this.#refuse(visit, new GatewayError(isKeyed ? "native.keyed" : "route.unknown"));
    }
    const isRefused = ways.refusesNativeKeys && carriesApiKey(request.rawHeaders);
    if (expectsContinue && !isRefused) response.writeContinue();
    ways.native.web(request, response, requestId);
  }

  #refuse({ request, response, requestId }: Visit, error: GatewayError): void {
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
 * HTTP/1.1, or 1.0 without a transfer coding, whose framing RFC 9112 section 6.1 calls faulty; with a `Host` that can be
 * one, which 1.0 may leave out (section 3.2). Node takes 0.9 and 2.0, and any `Host`, too.
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

/** `OPTIONS *` (RFC 9110 section 9.3.7): a question to the server, not to a resource, so that the gateway answers it. */
function isServerWide(request: IncomingMessage): boolean {
  return request.method === "OPTIONS" && request.url === "*" && isPlainMessage(request);
}

function serverOptions(requestId: string): Answer {
  return { status: 200, headers: { "cache-control": "no-store", "x-request-id": requestId }, body: "" };
}

/** A client's own request id is noted for the log, cut to a sane length, and never taken for ours. */
function clientRequestId(request: IncomingMessage): { clientRequestId?: string } {
  const [given] = valuesOf(request.rawHeaders, "x-request-id");
  return given === undefined ? {} : { clientRequestId: given.slice(0, 64) };
}
