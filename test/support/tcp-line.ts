import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A wire between one client and a server, that can be cut for this client alone. */
export interface TcpLine {
  readonly port: number;
  /** Closes all connections and refuses new ones. */
  cut(): void;
  /** Lets nothing through any more, and closes nothing: what a firewall that drops packets does. */
  blackhole(): void;
  /** As new. Connections that were black-holed are closed. */
  mend(): void;
  close(): Promise<void>;
}

/** A line to a port of loopback. */
export async function startLine(target: number): Promise<TcpLine> {
  let state: "up" | "cut" | "blackhole" = "up";
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (state === "cut") {
      client.destroy();
      return;
    }
    const upstream = connect(target, "127.0.0.1");
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on("data", (chunk: Buffer) => {
        if (state === "up") other.write(chunk);
      });
      one.on("error", () => undefined);
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    cut() {
      state = "cut";
      drop();
    },
    blackhole() {
      state = "blackhole";
    },
    mend() {
      if (state === "blackhole") drop();
      state = "up";
    },
    async close() {
      drop();
      server.close();
      await once(server, "close");
    },
  };
}
