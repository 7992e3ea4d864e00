import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ErrorCode, GatewayError } from "../../core/errors.ts";
import { ProxyConnections } from "./connections.ts";
import { ProxiedRequest, type RequestPair } from "./proxied-request.ts";
import { send, sendHandshake, type ProxyOrigin, type ProxyOrigins } from "./forwarder.ts";
import { type NativeRefusal, refusalsOf, refusalsOfUpgrade } from "./guard.ts";
import type { NativeOptions } from "./options.ts";
import { answerError } from "./reply.ts";
import { headerRules, requestHeaders } from "./request-headers.ts";
import { openTunnel, respondOn, Tunnels, watchDisconnect } from "./tunnel.ts";

export type { NativeFailure, NativeOptions, Observed } from "./options.ts";

/** The transparent proxy for all requests outside the Partners API. */
export interface NativeProxy {
  /** Forwards or refuses a request. Never throws: every request ends in an answer or a closed connection. */
  web(request: IncomingMessage, response: ServerResponse, requestId: string): void;
  /** Does the same for the server's `upgrade` event. The proxy owns the socket from here on. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, requestId: string): void;
  /**
   * Closes idle connections and all WebSockets, and resolves when no connection to the CMS is left. It has no
   * time limit of its own, and still serves new requests: the server decides whether any arrive. WebSockets
   * may continue for `graceMs`; a second call can only shorten that.
   */
  close(graceMs?: number): Promise<void>;
}

/**
 * Creates a native proxy in front of `options.targets`. Bodies, statuses, redirects and cookies pass
 * unchanged. The guard (`guard.ts`) is applied here, to requests and to upgrades, so that no caller can skip
 * it and no path can bypass it.
 */
export function createNativeProxy(options: NativeOptions): NativeProxy {
  const law = headerRules(options);
  const sites = sitesOf(options);
  const origins: ProxyOrigins = { pick: (but) => siteOf(sites, options.pick(but)) };
  const tunnels = new Tunnels();

  const refuse = (parties: RequestPair, code: ErrorCode, cause: unknown): undefined => {
    const { request, response, requestId } = parties;
    options.onFailure({ requestId, method: request.method ?? "", code, cause });
    // After ambiguous framing the next request on the connection cannot be trusted.
    answerError(response, new GatewayError(code, { cause }), {
      requestId,
      close: code === "request.malformed",
      clock: options.clock,
    });
  };

  /** Returns the exchange of an accepted request; answers a refused one; drops it if the client is gone. */
  const admit = (parties: RequestPair, refusals: readonly NativeRefusal[]): ProxiedRequest | undefined => {
    const refusal = enforced(refusals, parties, options);
    if (refusal !== undefined) return refuse(parties, refusal.code, refusal.reason);
    const headers = requestHeaders(parties.request, parties.requestId, law);
    return headers === undefined ? undefined : new ProxiedRequest(parties, headers, options);
  };

  return {
    web(request, response, requestId) {
      reportDone(response, options.onDone);
      const exchange = admit({ request, response, requestId }, refusalsOf(request));
      if (exchange === undefined) return;
      exchange.watch();
      send(exchange, origins);
    },
    upgrade(request, socket, head, requestId) {
      const response = takeOverSocket(request, socket);
      if (response === undefined) return;
      reportDone(response, options.onDone);
      const exchange = admit({ request, response, requestId }, refusalsOfUpgrade(request));
      if (exchange === undefined) return;
      // A substitute socket belongs to a request with a body, which the guard should have refused. A tunnel
      // on it would have no timeouts.
      if (!(socket instanceof Socket)) {
        request.socket.destroy();
        return;
      }
      exchange.watch();
      const stopWatching = watchDisconnect(socket);
      sendHandshake(exchange, origins, (raw, peer) => {
        stopWatching();
        openTunnel({ exchange, socket, head, idleTimeoutMs: options.idleTimeoutMs }, raw, peer);
        tunnels.add(socket);
      });
    },
    close(graceMs = 0) {
      return closeAll({ sites, tunnels, graceMs });
    },
  };
}

/** Returns the refusal to enforce. If all are only observed, reports them and returns `undefined`. */
function enforced(
  refusals: readonly NativeRefusal[],
  { request, requestId }: RequestPair,
  { observes, onObserved }: NativeOptions,
): NativeRefusal | undefined {
  const refusal = refusals.find(({ rule }) => rule === "framing" || observes?.has(rule) !== true);
  if (refusal !== undefined) return refusal;
  const { method = "", url: target = "", rawHeaders } = request;
  for (const { code, reason } of refusals)
    onObserved?.({ requestId, code, reason, method, target, rawHeaders });
  return undefined;
}

/**
 * Returns a response for an upgrade request, for which Node creates none. Without one the connection is
 * destroyed.
 */
function takeOverSocket(request: IncomingMessage, socket: Duplex): ServerResponse | undefined {
  // From Node 26 on, a request with an unread body has a substitute for its socket, which emits an error when
  // the socket fails.
  if (socket !== request.socket) socket.on("error", () => undefined);
  const response = respondOn(request.socket, request);
  if (response === undefined) request.socket.destroy();
  return response;
}

/**
 * Calls `onDone` once. A response on an upgraded socket only emits `finish`; one that is cut off only emits
 * `close`.
 */
function reportDone(response: ServerResponse, onDone: NativeOptions["onDone"]): void {
  if (onDone === undefined) return;
  let isReported = false;
  const report = (): void => {
    if (!isReported) onDone(response.headersSent ? response.statusCode : 0);
    isReported = true;
  };
  response.on("finish", report).on("close", report);
}

interface Closing {
  readonly sites: ReadonlyMap<string, ProxyOrigin>;
  readonly tunnels: Tunnels;
  /** The time that WebSockets may continue, in milliseconds. */
  readonly graceMs: number;
}

async function closeAll({ sites, tunnels, graceMs }: Closing): Promise<void> {
  const timer = setTimeout(() => tunnels.close(), graceMs);
  if (graceMs === 0) tunnels.close();
  await Promise.all(Array.from(sites.values(), ({ connections }) => connections.close()));
  clearTimeout(timer);
}

/** Creates the connections of every origin. */
function sitesOf({ targets, ...options }: NativeOptions): ReadonlyMap<string, ProxyOrigin> {
  return new Map(
    targets.map((target) => [target.origin, { target, connections: new ProxyConnections(target, options) }]),
  );
}

function siteOf(sites: ReadonlyMap<string, ProxyOrigin>, origin: string): ProxyOrigin {
  const site = sites.get(origin);
  if (site === undefined) throw new Error(`no target ${origin}`);
  return site;
}
