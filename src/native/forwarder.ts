import type { ClientRequest } from "node:http";
import type { Socket } from "node:net";
import { createProxyServer, type ProxyServer, type ServerOptions } from "http-proxy-3";
import type { Connections } from "./agents.ts";
import { Exchange } from "./exchange.ts";
import type { NativeOptions } from "./options.ts";
import { relay } from "./relay.ts";
import { countRead } from "./young.ts";

/** http-proxy-3 with its cures. Neither function throws; how a request ends is told by its exchange. */
export interface Forwarder {
  /** Sends a request and relays the answer. */
  send(exchange: Exchange): void;
  /** Sends a WebSocket handshake. The request to the CMS, or `undefined` where it could not be made. */
  handshake(exchange: Exchange, socket: Socket, head: Buffer): ClientRequest | undefined;
}

/** What http-proxy-3 is given for one call, and hands back in its events. */
interface Call extends ServerOptions {
  readonly exchange: Exchange;
}

/** Where requests can go: the CMS's origins, with the connections to each. */
export interface Sites {
  /** The next one; `but` are origins that were tried. */
  pick(but: ReadonlySet<string>): Site;
}

/** One origin of the CMS. */
export interface Site {
  readonly target: URL;
  readonly connections: Connections;
}

/** Methods that may be sent a second time without having happened twice (RFC 9110 section 9.2.1). */
const SAFE: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A forwarder to `sites`. `toProxy` sends the target as it was judged; without it http-proxy-3 parses it as a
 * URL, which resolves dot segments after the guard and throws at what it cannot parse. `selfHandleResponse` leaves the
 * answer to `relay`.
 */
export function createForwarder(options: NativeOptions, sites: Sites): Forwarder {
  const { connectTimeoutMs: connectTimeout } = options;
  const proxy = createProxyServer({
    connectTimeout,
    prependPath: false,
    toProxy: true,
    selfHandleResponse: true,
  });
  sendOnlyOurHeaders(proxy);
  proxy.on("proxyReq", (upstream, _request, _response, call) => {
    const exchange = exchangeOf(call);
    if (exchange !== undefined) adopt(upstream, exchange);
  });
  proxy.on("proxyReqWs", (upstream, _request, _socket, call) => {
    const exchange = exchangeOf(call);
    if (exchange !== undefined) exchange.upstream = upstream;
  });
  // A client's failing socket; the failures of requests go to the callbacks. Without a listener it would be thrown.
  proxy.on("error", () => undefined);

  const forwarder: Forwarder = {
    send(exchange) {
      const { request, response, headers } = exchange;
      const { target, connections } = sites.pick(exchange.tried);
      const isFirst = exchange.tried.size === 0;
      exchange.tried.add(target.origin);
      const call: Call = { target, headers, agent: connections.pool, exchange };
      guarded(exchange, () => {
        proxy.web(request, response, call, (error) => {
          const isStale = isFirst && mayRepeat(exchange, error);
          // What was closed under one request was closed under all that lie idle: mostly a CMS that restarted.
          if (isStale) connections.dropIdle();
          const isElsewhere = !exchange.tried.has(sites.pick(exchange.tried).target.origin);
          if (isStale || (isElsewhere && isUnsent(exchange, error))) forwarder.send(exchange);
          else failed(exchange, error);
        });
      });
    },
    handshake(exchange, socket, head) {
      const { request, headers } = exchange;
      const { target, connections } = sites.pick(exchange.tried);
      const call: Call = { target, headers, agent: connections.single, exchange };
      guarded(exchange, () => {
        proxy.ws(request, socket, head, call, (error) => failed(exchange, error));
      });
      return exchange.upstream;
    },
  };
  return forwarder;
}

function exchangeOf(call: object): Exchange | undefined {
  return "exchange" in call && call.exchange instanceof Exchange ? call.exchange : undefined;
}

function failed(exchange: Exchange, error: unknown): void {
  exchange.fail(isTimeout(error) ? "upstream.timeout" : "upstream.unreachable", error);
}

/**
 * Lets nothing out but `options.headers` of each call. http-proxy-3 adds those to `request.headers` as its earlier
 * passes left them, and one of these, `deleteLength`, takes the framing off a chunked DELETE or OPTIONS and yet sends
 * the body: the CMS reads it as a second request that no guard has seen (CVE-2026-29057 is the same fault elsewhere).
 */
function sendOnlyOurHeaders(proxy: ProxyServer): void {
  proxy.before("web", "stream", (request) => {
    request.headers = {};
  });
  proxy.before("ws", "stream", (request) => {
    request.headers = {};
  });
}

/** Calls http-proxy-3 so that what it throws fails the exchange, and the caller's request keeps its headers. */
function guarded(exchange: Exchange, call: () => void): void {
  const { request } = exchange;
  const { headers } = request;
  // For the passes to change. Nothing of it is sent; one pass drops handshakes that lack this.
  request.headers = { upgrade: "websocket" };
  try {
    call();
  } catch (cause) {
    exchange.fail("gateway.fault", cause);
  } finally {
    request.headers = headers;
  }
}

/** The request to the CMS has a connection. */
function adopt(upstream: ClientRequest, exchange: Exchange): void {
  exchange.upstream = upstream;
  // http-proxy-3 has begun to pipe it; one more listener changes nothing in its pace.
  if (exchange.hasBody) exchange.request.on("data", countRead);
  upstream.on("response", (answer) => relay(answer, exchange));
  // Without a listener Node drops the connection and says nothing: the client would wait for ever.
  upstream.on("upgrade", (_answer, socket) => {
    socket.destroy();
    exchange.fail("upstream.unreachable", new Error("the CMS switched protocols unasked"));
  });
}

/**
 * True for a request that met a kept-alive connection just as the CMS closed it: nothing was answered, nothing can
 * have been changed, there is no body to send again, and it is the first time.
 */
function mayRepeat(exchange: Exchange, error: unknown): boolean {
  const { upstream, request } = exchange;
  return (
    !exchange.over &&
    exchange.answer === undefined &&
    upstream?.reusedSocket === true &&
    SAFE.has(request.method) &&
    !exchange.hasBody &&
    !exchange.clientGone &&
    codeOf(error) === "ECONNRESET"
  );
}

/** True for a request that never got a connection: the CMS has seen nothing of it, and there is no body half sent. */
function isUnsent(exchange: Exchange, error: unknown): boolean {
  const { over, hasBody, clientGone } = exchange;
  return !over && !hasBody && !clientGone && codeOf(error) === "ECONNREFUSED";
}

function isTimeout(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ECONNECT_TIMEOUT" || code === "ETIMEDOUT";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
