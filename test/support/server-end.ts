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

/** The server's end of a connection, where the server is in this process: what it has read, and its idle timer. */
export function serverEnd({ socket }: Pick<RawClient, "socket">): Promise<Socket> {
  const ports = `${String(socket.remotePort)} ${String(socket.localPort)}`;
  return until("the server to accept the connection", () => accepted.get(ports));
}

/**
 * Ends the idle time of a server's connection now, as its timer would: Node's server passes the event on to request and
 * response. Fails where no idle time of `ms` milliseconds is running.
 */
export function endIdleTime(end: Socket, ms: number): void {
  if (end.timeout !== ms) throw new Error(`an idle time of ${String(end.timeout)} ms, not ${String(ms)} ms`);
  end.emit("timeout");
}

/** Resolves when a connection or an answer is closed, be it by a reset. */
export function closed(it: Pick<EventEmitter, "once">): Promise<void> {
  return new Promise((resolve) => void it.once("close", () => resolve()));
}
