import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A connection between one client and a Redis that can be cut for this client alone. */
export interface TcpLine {
  readonly port: number;
  /** How many connections the client has open now. */
  connections(): number;
  /** How many it has opened so far, including those closed at once. */
  opened(): number;
  /**
   * How often the client has sent a command of that name so far, including commands that the line did not
   * forward.
   */
  sent(command: string): number;
  /** Closes all connections and refuses new ones. */
  cut(): void;
  /** Forwards nothing any more and closes nothing, like a firewall that drops packets. */
  blackhole(): void;
  /** Forwards again. Black-holed connections are closed. */
  mend(): void;
  close(): Promise<void>;
}

/** Starts a line to a port of loopback. */
export async function startLine(target: number): Promise<TcpLine> {
  let state: "up" | "cut" | "blackhole" = "up";
  let opened = 0;
  const clients = new Set<Socket>();
  const upstreams = new Set<Socket>();
  const sent = new Map<string, number>();
  const server = createServer((client) => {
    opened += 1;
    if (state === "cut") {
      client.destroy();
      return;
    }
    const upstream = connect(target, "127.0.0.1");
    const count = commandCounter(sent);
    client.on("data", count);
    for (const [one, other, all] of [
      [client, upstream, clients],
      [upstream, client, upstreams],
    ] as const) {
      all.add(one);
      one.setNoDelay(true);
      one.on("data", (chunk: Buffer) => {
        if (state === "up") other.write(chunk);
      });
      one.on("error", () => undefined);
      one.on("close", () => {
        all.delete(one);
        other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const drop = () => {
    for (const socket of [...clients, ...upstreams]) socket.destroy();
  };
  return {
    port: address.port,
    connections: () => clients.size,
    opened: () => opened,
    sent: (command) => sent.get(command) ?? 0,
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

/** Counts the commands of one connection by name, in chunks of any size. */
function commandCounter(counts: Map<string, number>): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    const text = rest + chunk.toString("latin1");
    let end = 0;
    for (const match of text.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
      const name = (match[1] ?? "").toLowerCase();
      counts.set(name, (counts.get(name) ?? 0) + 1);
      end = match.index + match[0].length;
    }
    // The prefix and the name of every command are shorter than this.
    rest = text.slice(Math.max(end, text.length - 100));
  };
}
