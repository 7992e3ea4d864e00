import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { connect } from "node:net";

/** A server whose violations of HTTP the test controls. */
export interface BadOrigin {
  readonly url: URL;
  /** The currently open connections. */
  readonly sockets: ReadonlySet<Socket>;
  /** The bytes received per connection, as latin1 text. */
  readonly received: readonly string[];
  close(): Promise<void>;
}

/**
 * The behaviour of a bad origin at the end of a request's head; `nth` counts the heads of all connections
 * from 1.
 */
export type Misbehaviour = (socket: Socket, head: string, nth: number) => void;

/**
 * Listens on the loopback interface. With `allowHalfOpen` it does not close when its client does. Calls
 * `misbehave` at each blank line that ends a head.
 */
export async function badOrigin(
  misbehave: Misbehaviour,
  options: { readonly allowHalfOpen?: boolean } = {},
): Promise<BadOrigin> {
  const sockets = new Set<Socket>();
  const received: string[] = [];
  let heads = 0;
  const server = createServer(options, (socket) => {
    const index = received.push("") - 1;
    let pending = "";
    sockets.add(socket);
    socket.setEncoding("latin1");
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk: string) => {
      received[index] += chunk;
      pending += chunk;
      const end = pending.indexOf("\r\n\r\n");
      if (end === -1 || !/^[A-Z]+ \S+ HTTP/.test(pending)) return;
      const head = pending.slice(0, end);
      pending = pending.slice(end + 4);
      heads += 1;
      misbehave(socket, head, heads);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new URL(`http://127.0.0.1:${String(portOf(server.address()))}`),
    sockets,
    received,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Writes `text` (latin1) as its whole response and leaves the connection open. */
export function answers(text: string): Misbehaviour {
  return (socket) => void socket.write(text, "latin1");
}

/** Writes `text` (latin1) and closes. */
export function answersAndCloses(text: string): Misbehaviour {
  return (socket) => void socket.end(text, "latin1");
}

/** Writes `text` (latin1), then resets the connection once the text is sent. */
export function answersAndResets(text: string): Misbehaviour {
  return (socket) => void socket.write(text, "latin1", () => socket.resetAndDestroy());
}

/** Reads and sends nothing. */
export const isSilent: Misbehaviour = () => undefined;

/** Closes at the first request. */
export const hangsUp: Misbehaviour = (socket) => void socket.destroy();

/** An address that neither accepts nor refuses connections: the kernel's accept queue for it is full. */
export async function deafOrigin(): Promise<{ readonly url: URL; close(): Promise<void> }> {
  const worker = new Worker(
    `const { createServer } = require("node:net");
     const { parentPort } = require("node:worker_threads");
     const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const [port] = await once(worker, "message");
  // More than the queue holds. Connections beyond it, and all later ones, stay unanswered.
  const fillers = Array.from({ length: 8 }, () => connect({ port: Number(port), host: "127.0.0.1" }));
  for (const filler of fillers) filler.on("error", () => filler.destroy());
  await Promise.race(fillers.map((filler) => once(filler, "connect")));
  return {
    url: new URL(`http://127.0.0.1:${String(port)}`),
    async close() {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    },
  };
}

/** A URL without a listener: no system assigns this port. */
export const CLOSED_ORIGIN = new URL("http://127.0.0.1:1");

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}
