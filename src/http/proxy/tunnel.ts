import { type IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { RawHeaders } from "../../core/headers.ts";
import { switchingHeaders } from "./answer-headers.ts";
import type { ProxiedRequest } from "./proxied-request.ts";

/** The idle time after which TCP keep-alive probes the peer of a tunnel. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Creates a response on the socket of an upgrade request, for which Node creates none. Node then frames
 * refusals and answers other than 101 itself. The connection closes when the response has finished.
 * `undefined` if an earlier request on the socket is still unanswered: its answer and the tunnel's bytes
 * would mix.
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
  // Before the upgrade the server forwarded these events to its response.
  socket.on("drain", () => response.emit("drain"));
  socket.on("timeout", () => response.emit("timeout"));
  response.on("finish", () => {
    response.detachSocket(socket);
    socket.destroySoon();
  });
  return response;
}

/**
 * Destroys the socket if the client disconnects before the CMS has answered its handshake. Returns a function
 * that stops the watch. A client that has already sent frames may be detected by the timeout only, since its
 * FIN is behind unread bytes.
 */
export function watchDisconnect(socket: Socket): () => void {
  const disconnect = (): void => void socket.destroy();
  socket.once("end", disconnect);
  return () => void socket.off("end", disconnect);
}

/** The open tunnels of one proxy. */
export class Tunnels {
  readonly #sockets = new Set<Socket>();
  #closing = false;

  /** Tracks the client's socket of a tunnel until it closes. Closes it at once if the proxy is closing. */
  add(socket: Socket): void {
    if (socket.destroyed) return;
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#closing) socket.destroySoon();
  }

  /**
   * Closes every tunnel, now and from now on. Tunnels do not end by themselves, and their clients reconnect.
   */
  close(): void {
    this.#closing = true;
    for (const socket of this.#sockets) socket.destroySoon();
  }
}

/** The parts of a tunnel. */
export interface TunnelOptions {
  readonly exchange: ProxiedRequest;
  /** The client's socket, and the bytes that the client sent after its handshake. */
  readonly socket: Socket;
  readonly head: Buffer;
  /** The timeout after one side has ended: a peer that then stays silent is disconnected. */
  readonly idleTimeoutMs: number;
}

/** Opens the tunnel after the CMS has switched protocols. Bytes flow both ways until either side closes. */
export function openTunnel(
  { exchange, socket, head, idleTimeoutMs }: TunnelOptions,
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

/** Pipes `one` to `other`. When `one` closes, `other` closes after sending its buffered bytes. */
function join(one: Socket, other: Socket, idleTimeoutMs: number): void {
  // A WebSocket may be silent for hours. TCP keep-alive detects a peer that has vanished.
  one.setTimeout(0);
  one.setKeepAlive(true, KEEP_ALIVE_MS);
  one.setNoDelay(true);
  // A `close` follows. Without a listener a reset would be an uncaught exception.
  one.on("error", () => undefined);
  one.once("close", () => other.destroySoon());
  one.once("end", () => other.setTimeout(idleTimeoutMs, () => other.destroy()));
  one.pipe(other);
}

/**
 * Builds the head of a 101 (RFC 9110 section 15.2.2). Its parts contain no line breaks, since the parser
 * rejects them.
 */
function switchingHead(headers: readonly string[]): string {
  let head = "HTTP/1.1 101 Switching Protocols\r\n";
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i] ?? ""}: ${headers[i + 1] ?? ""}\r\n`;
  return `${head}\r\n`;
}
