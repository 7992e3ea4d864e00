import { subscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import { isObject } from "../../src/core/json.ts";

/** The connections that `fetch` has opened in this process since this module was loaded. */
const sockets = new Set<Socket>();
subscribe("undici:client:connected", (message) => {
  const socket = isObject(message) ? message["socket"] : undefined;
  if (!(socket instanceof Socket)) return;
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
});

/** Closes the connections to these ports; requests on them fail. Resolves with their number. */
export async function closeFetchConnections(ports: readonly number[]): Promise<number> {
  const ours = [...sockets].filter(({ remotePort }) => ports.includes(remotePort ?? 0));
  await Promise.all(
    ours.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once("close", () => resolve());
          socket.destroy();
        }),
    ),
  );
  return ours.length;
}
