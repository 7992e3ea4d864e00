import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ErrorCode, GatewayError } from "../../core/errors.ts";
import { ProxyConnections } from "./connections.ts";
import { ProxiedRequest, type Parties } from "./proxied-request.ts";
import { send, sendHandshake, type Site, type Sites } from "./forwarder.ts";
import { type NativeRefusal, refusalsOf, refusalsOfUpgrade } from "./guard.ts";
import type { NativeOptions } from "./options.ts";
import { answerError } from "./reply.ts";
import { headerLaw, requestHeaders } from "./request-headers.ts";
import { openTunnel, respondOn, Tunnels, watchLeaving } from "./tunnel.ts";

export type { NativeFailure, NativeOptions, Observed } from "./options.ts";

/** The transparent proxy for everything that is not a Partners request. */
export interface NativeProxy {
  /** Forwards a request or refuses it. Never throws: every request ends in an answer or a closed connection. */
  web(request: IncomingMessage, response: ServerResponse, requestId: string): void;
  /** The same for the server's `upgrade` event. Takes the socket over, whatever becomes of the request. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, requestId: string): void;
  /**
   * Closes idle connections and all WebSockets, and resolves when no connection to the CMS is left. Has no time limit of its
   * own. A request that still comes is served: whether any does is the server's affair. WebSockets may go on for `patience`
   * ms; called again, for no longer.
   */
  close(patience?: number): Promise<void>;
}

/**
 * A native proxy in front of `options.targets`. Bodies, statuses, redirects and cookies go through untouched; the guard
 * (`guard.ts`) stands here, behind both doors, so that no caller can forget it and no path can lead round it.
 */
export function createNativeProxy(options: NativeOptions): NativeProxy {
  const law = headerLaw(options);
  const sites = sitesOf(options);
  const toSites: Sites = { pick: (but) => siteOf(sites, options.pick(but)) };
  const tunnels = new Tunnels();

  const refuse = (parties: Parties, code: ErrorCode, cause: unknown): undefined => {
    const { request, response, requestId } = parties;
    options.onFailure({ requestId, method: request.method ?? "", code, cause });
    // Framing that two servers read in two ways has no next request that one could rely on.
    answerError(response, new GatewayError(code, { cause }), {
      requestId,
      close: code === "request.malformed",
      clock: options.clock,
    });
  };

  /** The exchange of a request that may pass; one that may not is answered, one whose client has gone is left. */
  const admit = (parties: Parties, refusals: readonly NativeRefusal[]): ProxiedRequest | undefined => {
    const refusal = standing(refusals, parties, options);
    if (refusal !== undefined) return refuse(parties, refusal.code, refusal.reason);
    const headers = requestHeaders(parties.request, parties.requestId, law);
    return headers === undefined ? undefined : new ProxiedRequest(parties, headers, options);
  };

  return {
    web(request, response, requestId) {
      tellDone(response, options.onDone);
      const exchange = admit({ request, response, requestId }, refusalsOf(request));
      if (exchange === undefined) return;
      exchange.watch();
      send(exchange, toSites);
    },
    upgrade(request, socket, head, requestId) {
      const response = takeOver(request, socket);
      if (response === undefined) return;
      tellDone(response, options.onDone);
      const exchange = admit({ request, response, requestId }, refusalsOfUpgrade(request));
      if (exchange === undefined) return;
      // A stand-in should have been refused for the body; joined to the CMS it would not hold its limits.
      if (!(socket instanceof Socket)) {
        request.socket.destroy();
        return;
      }
      exchange.watch();
      const stopWatching = watchLeaving(socket);
      sendHandshake(exchange, toSites, (raw, peer) => {
        stopWatching();
        openTunnel({ exchange, socket, head, idleTimeoutMs: options.idleTimeoutMs }, raw, peer);
        tunnels.add(socket);
      });
    },
    close(patience = 0) {
      return closeAll({ sites, tunnels, patience });
    },
  };
}

/** The refusal that stands, or `undefined` where every one of them is only observed, which is then told. */
function standing(
  refusals: readonly NativeRefusal[],
  { request, requestId }: Parties,
  { observes, onObserved }: NativeOptions,
): NativeRefusal | undefined {
  const refusal = refusals.find(({ rule }) => rule === "message" || observes?.has(rule) !== true);
  if (refusal !== undefined) return refusal;
  const { method = "", url: target = "", rawHeaders } = request;
  for (const { code, reason } of refusals)
    onObserved?.({ requestId, code, reason, method, target, rawHeaders });
  return undefined;
}

/** A response for an upgrade request, which has none of Node's. Without one there is nothing to save: it is dropped. */
function takeOver(request: IncomingMessage, socket: Duplex): ServerResponse | undefined {
  // From Node 26 a request whose body is still to come has a stand-in for its socket, and that fails when it does.
  if (socket !== request.socket) socket.on("error", () => undefined);
  const response = respondOn(request.socket, request);
  if (response === undefined) request.socket.destroy();
  return response;
}

/** Says once how it ended. A response on an upgraded socket only finishes, one that is cut only closes. */
function tellDone(response: ServerResponse, onDone: NativeOptions["onDone"]): void {
  if (onDone === undefined) return;
  let isTold = false;
  const tell = (): void => {
    if (!isTold) onDone(response.headersSent ? response.statusCode : 0);
    isTold = true;
  };
  response.on("finish", tell).on("close", tell);
}

interface Closing {
  readonly sites: ReadonlyMap<string, Site>;
  readonly tunnels: Tunnels;
  /** How long WebSockets may go on, in milliseconds. */
  readonly patience: number;
}

async function closeAll({ sites, tunnels, patience }: Closing): Promise<void> {
  const timer = setTimeout(() => tunnels.close(), patience);
  if (patience === 0) tunnels.close();
  await Promise.all(Array.from(sites.values(), ({ connections }) => connections.close()));
  clearTimeout(timer);
}

/** Every origin with the connections to it. */
function sitesOf({ targets, ...options }: NativeOptions): ReadonlyMap<string, Site> {
  return new Map(
    targets.map((target) => [target.origin, { target, connections: new ProxyConnections(target, options) }]),
  );
}

function siteOf(sites: ReadonlyMap<string, Site>, origin: string): Site {
  const site = sites.get(origin);
  if (site === undefined) throw new Error(`no target ${origin}`);
  return site;
}
