import type { Duplex } from "node:stream";
import { type Client, type Dispatcher, errors } from "undici";
import type { RawHeaders } from "../../core/headers.ts";
import type { ProxyConnections } from "./connections.ts";
import type { ProxiedRequest } from "./proxied-request.ts";
import { type AttemptCallbacks, Relay } from "./relay.ts";
import { Upload } from "./upload.ts";

/** The CMS's origins, with the connections to each. */
export interface ProxyOrigins {
  /** Returns the origin for the next attempt. `but` holds the origins that were tried. */
  pick(but: ReadonlySet<string>): ProxyOrigin;
}

/** An origin of the CMS. */
export interface ProxyOrigin {
  readonly target: URL;
  readonly connections: ProxyConnections;
}

/** Safe methods, which may be sent twice without a double effect (RFC 9110 section 9.2.1). */
const SAFE: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Sends a request and relays the answer. The exchange reports how it ends. */
export function send(exchange: ProxiedRequest, sites: ProxyOrigins): void {
  const { target, connections } = sites.pick(exchange.tried);
  const isFirst = exchange.tried.size === 0;
  exchange.tried.add(target.origin);
  const client = connections.take();
  const isKept = client.stats.connected;
  const failed = (error: Error): void => {
    const isStale = isFirst && isKept && mayRepeat(exchange, error);
    // If the CMS closed one connection, it has likely closed all idle ones: mostly a restart.
    if (isStale) connections.dropIdle();
    const hasOther = !exchange.tried.has(sites.pick(exchange.tried).target.origin);
    if (isStale || (hasOther && isUnsent(exchange, error))) send(exchange, sites);
    else fail(exchange, error);
  };
  dispatch({ client, target, exchange }, { failed, left: () => connections.give(client) });
}

/**
 * Sends a WebSocket handshake. `switched` receives the connection after a 101; any other answer is relayed.
 */
export function sendHandshake(
  exchange: ProxiedRequest,
  sites: ProxyOrigins,
  switched: (raw: RawHeaders, peer: Duplex) => void,
): void {
  const { target, connections } = sites.pick(exchange.tried);
  const client = connections.takeSingle();
  const failed = (error: Error): void => fail(exchange, error);
  dispatch({ client, target, exchange }, { failed, switched, left: () => connections.endSingle(client) });
}

interface Dispatch {
  readonly client: Client;
  readonly target: URL;
  readonly exchange: ProxiedRequest;
}

function dispatch({ client, target, exchange }: Dispatch, ends: AttemptCallbacks): void {
  const { request, headers, hasBody } = exchange;
  const relay = new Relay(exchange, ends);
  exchange.attempt = relay;
  const options: Dispatcher.DispatchOptions & { servername: string } = {
    method: request.method ?? "",
    path: request.url ?? "",
    headers,
    body: hasBody ? new Upload(request) : null,
    upgrade: ends.switched === undefined ? null : "websocket",
    // Otherwise undici takes the name from the client's Host header, and reconnects whenever it changes.
    servername: target.hostname,
  };
  client.dispatch(options, relay);
}

function fail(exchange: ProxiedRequest, error: Error): void {
  if (error instanceof errors.InvalidArgumentError) exchange.fail("gateway.fault", error);
  else exchange.fail(isTimeout(error) ? "upstream.timeout" : "upstream.unreachable", error);
}

/**
 * True for a safe request without a body that met a kept-alive connection just as the CMS closed it. No
 * answer has begun and nothing can have been changed.
 */
function mayRepeat({ attempt, request, hasBody, clientGone }: ProxiedRequest, error: Error): boolean {
  return (
    attempt?.hasBegun !== true &&
    SAFE.has(request.method) &&
    !hasBody &&
    !clientGone &&
    (error instanceof errors.SocketError || codeOf(error) === "ECONNRESET" || codeOf(error) === "EPIPE")
  );
}

/** True for a request without a body that never got a connection: the CMS has received nothing of it. */
function isUnsent({ hasBody, clientGone }: ProxiedRequest, error: Error): boolean {
  return !hasBody && !clientGone && codeOf(error) === "ECONNREFUSED";
}

function isTimeout(error: Error): boolean {
  return error instanceof errors.ConnectTimeoutError || codeOf(error) === "ETIMEDOUT";
}

function codeOf(error: Error): unknown {
  return "code" in error ? error.code : undefined;
}
