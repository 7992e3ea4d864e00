import { subscribe } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";
import { Socket } from "node:net";
import type { RawClient } from "./raw.ts";
import { until } from "./until.ts";

/** The connections that servers of this process have accepted, by the ports of both ends. */
const accepted = new Map<string, Socket>();
subscribe("net.server.socket", (message) => {
  if (typeof message !== "object" || message === null || !("socket" in message)) return;
  const { socket } = message;
  if (!(socket instanceof Socket)) return;
  const ports = `${String(socket.localPort)} ${String(socket.remotePort)}`;
  accepted.set(ports, socket);
  socket.once("close", () => accepted.delete(ports));
});

/**
 * The server's end of a connection, if the server is in this process: the bytes that it has read, and its
 * idle timer.
 */
export function serverEnd({ socket }: Pick<RawClient, "socket">): Promise<Socket> {
  const ports = `${String(socket.remotePort)} ${String(socket.localPort)}`;
  return until("the server to accept the connection", () => accepted.get(ports));
}

/**
 * Fires the idle timeout of a server's connection now: Node's server passes the event on to request and
 * response. Throws unless an idle timeout of `ms` milliseconds is set.
 */
export function endIdleTime(end: Socket, ms: number): void {
  if (end.timeout !== ms) throw new Error(`an idle time of ${String(end.timeout)} ms, not ${String(ms)} ms`);
  end.emit("timeout");
}

/** Resolves when a connection or a response is closed, by a reset or otherwise. */
export function closed(it: Pick<EventEmitter, "once">): Promise<void> {
  return new Promise((resolve) => void it.once("close", () => resolve()));
}
