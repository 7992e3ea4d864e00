import { type ClientRequest, type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { switchingHeaders } from "./answer-headers.ts";
import type { Exchange } from "./exchange.ts";
import { relay } from "./relay.ts";

/**
 * A response on the socket of an upgrade request, which Node gives up all care for: by it refusals and answers other
 * than 101 are framed by Node itself. Closes the connection when it is finished. `undefined` where an earlier request
 * on the socket is still unanswered: its answer and the tunnel's bytes would run into one another.
 */
export function respondOn(socket: Socket, request: IncomingMessage): ServerResponse | undefined {
  // Without a listener the client's reset would be an uncaught exception.
  socket.on("error", () => socket.destroy());
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  try {
    response.assignSocket(socket);
  } catch {
    return undefined;
  }
  // The server forwarded these to its response, until the upgrade.
  socket.on("drain", () => response.emit("drain"));
  socket.on("timeout", () => response.emit("timeout"));
  response.on("finish", () => {
    response.detachSocket(socket);
    socket.destroySoon();
  });
  return response;
}

/**
 * Notices a client that leaves before the CMS has answered its handshake; http-proxy-3 would keep the request to the
 * CMS open for good. Returns what stops the watch. One that has sent frames already is noticed by the time limit alone:
 * its end stands behind them, and they have to wait for the CMS.
 */
function watchLeaving(socket: Socket): () => void {
  const leave = (): void => void socket.destroy();
  socket.once("end", leave);
  return () => void socket.off("end", leave);
}

/** The open tunnels of one proxy. */
export class Tunnels {
  readonly #sockets = new Set<Socket>();
  #closing = false;

  /** Keeps the client's end of a tunnel until it closes; closes it at once where the proxy is closing. */
  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#closing) socket.destroySoon();
  }

  /** Closes every tunnel, now and from now on: none ends of itself, and its client knows how to come back. */
  close(): void {
    this.#closing = true;
    for (const socket of this.#sockets) socket.destroySoon();
  }
}

/** What a tunnel needs to be opened. */
export interface TunnelSite {
  readonly exchange: Exchange;
  readonly socket: Socket;
  readonly tunnels: Tunnels;
  /** For what is left to say once one side has said all: a peer that then goes silent is dropped. */
  readonly idleTimeoutMs: number;
}

/** Takes charge of the request that http-proxy-3 has just made for a handshake, in the same tick. */
export function superviseHandshake(upstream: ClientRequest, site: TunnelSite): void {
  const { exchange, socket } = site;
  const stopWatching = watchLeaving(socket);
  // http-proxy-3 relays a refusal without regard to the client's pace (all of a large answer is held in memory) and
  // hangs when it breaks off.
  upstream.removeAllListeners("response");
  upstream.on("response", (answer) => relay(answer, exchange));
  // Before http-proxy-3's own listener, which writes the 101 and joins the sockets.
  upstream.prependListener("upgrade", (answer, peer) => {
    stopWatching();
    open(answer, peer, site);
  });
  exchange.response.on("close", () => upstream.destroy());
}

/** The CMS has switched protocols: from here on bytes go both ways until either side closes. */
function open(answer: IncomingMessage, peer: Socket, site: TunnelSite): void {
  const { exchange, socket, tunnels, idleTimeoutMs } = site;
  answer.headers = switchingHeaders(answer, exchange.requestId);
  exchange.release();
  if (socket.destroyed) {
    peer.destroy();
    return;
  }
  exchange.response.detachSocket(socket);
  // A WebSocket may be silent for hours; a vanished peer is found by the TCP keep-alive that http-proxy-3 turns on.
  socket.setTimeout(0);
  join(socket, peer, idleTimeoutMs);
  join(peer, socket, idleTimeoutMs);
  tunnels.add(socket);
}

/** When `one` closes, `other` does as soon as it has sent what it holds. http-proxy-3 only half-closes it. */
function join(one: Socket, other: Socket, idleTimeoutMs: number): void {
  one.once("close", () => other.destroySoon());
  one.once("end", () => other.setTimeout(idleTimeoutMs, () => other.destroy()));
}
