import { type IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { RawHeaders } from "../../core/headers.ts";
import { switchingHeaders } from "./answer-headers.ts";
import type { ProxiedRequest } from "./proxied-request.ts";

/** When TCP begins to ask a silent peer of a tunnel whether it is still there. */
const KEEP_ALIVE_MS = 60_000;

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
 * Notices a client that leaves before the CMS has answered its handshake. Returns what stops the watch. One that has
 * sent frames already may be noticed by the time limit alone: its end can stand behind them, and they have to wait for
 * the CMS.
 */
export function watchLeaving(socket: Socket): () => void {
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
    if (socket.destroyed) return;
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
  readonly exchange: ProxiedRequest;
  /** The client's end, and what it sent after its handshake. */
  readonly socket: Socket;
  readonly head: Buffer;
  /** For what is left to say once one side has said all: a peer that then goes silent is dropped. */
  readonly idleTimeoutMs: number;
}

/** The CMS has switched protocols: from here on bytes go both ways until either side closes. */
export function openTunnel(
  { exchange, socket, head, idleTimeoutMs }: TunnelSite,
  raw: RawHeaders,
  peer: Duplex,
): void {
  exchange.release();
  if (socket.destroyed || !(peer instanceof Socket)) {
    peer.destroy();
    return;
  }
  exchange.response.detachSocket(socket);
  socket.write(switchingHead(switchingHeaders(raw, exchange.requestId)), "latin1");
  peer.write(head);
  join(socket, peer, idleTimeoutMs);
  join(peer, socket, idleTimeoutMs);
}

/** Sends what comes from `one` to `other`. When `one` closes, `other` does as soon as it has sent what it holds. */
function join(one: Socket, other: Socket, idleTimeoutMs: number): void {
  // A WebSocket may be silent for hours; a vanished peer is found by TCP's own keep-alive.
  one.setTimeout(0);
  one.setKeepAlive(true, KEEP_ALIVE_MS);
  one.setNoDelay(true);
  // Its close follows. Without a listener a reset would be an uncaught exception.
  one.on("error", () => undefined);
  one.once("close", () => other.destroySoon());
  one.once("end", () => other.setTimeout(idleTimeoutMs, () => other.destroy()));
  one.pipe(other);
}

/** The head of a 101 (RFC 9110 section 15.2.2); by the parser none of its parts can hold a line's end. */
function switchingHead(headers: readonly string[]): string {
  let head = "HTTP/1.1 101 Switching Protocols\r\n";
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i] ?? ""}: ${headers[i + 1] ?? ""}\r\n`;
  return `${head}\r\n`;
}
