import { subscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import { handClock, type HandClock } from "./clock.ts";
import { startTestGateway, type TestGateway } from "./gateway.ts";
import type { RawClient } from "./raw.ts";
import { until } from "./until.ts";

/**
 * A gateway whose clock only the test moves: none of its time-outs, lifetimes and checks of the CMS falls due by itself.
 * The time-outs of Node's own server and of the native proxy are not on that clock.
 */
export interface StillGateway extends TestGateway {
  readonly clock: HandClock;
}

/** As far as the clock is moved between two looks while the gateway drains. */
const STEP_MS = 1_000;

/** Starts one in front of `upstream`; `settings` are sections as in the YAML file. */
export async function startStillGateway(
  upstream: string,
  settings: Record<string, unknown> = {},
): Promise<StillGateway> {
  const clock = handClock();
  const gateway = await startTestGateway(upstream, settings, { clock });
  return {
    ...gateway,
    clock,
    async stop() {
      let isOver = false;
      const stopped = gateway.stop().finally(() => (isOver = true));
      await until("the gateway to stop", () => {
        clock.move(STEP_MS);
        return isOver;
      });
      await stopped;
    },
  };
}

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
