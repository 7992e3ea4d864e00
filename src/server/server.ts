import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../core/clock.ts";
import { GatewayError } from "../core/errors.ts";
import { AcceptBatcher } from "./accept-batcher.ts";
import { ClientConnections } from "./client-connections.ts";
import { RequestRouter, type RequestRouterOptions } from "./request-router.ts";

/** What the server is made of. Times in milliseconds, sizes in bytes. */
export interface ServerOptions extends RequestRouterOptions {
  /** Times a drain and the wait for connections to be taken. */
  readonly clock: Clock;
  readonly headersTimeout: number;
  readonly keepAliveTimeout: number;
  readonly idleTimeout: number;
  readonly maxHeaderSize: number;
  readonly maxHeaders: number;
  readonly maxConnections: number;
  readonly maxRequestsPerConnection: number;
}

/** A listening server. */
export interface RunningServer {
  readonly port: number;
  /** Goes on accepting, and asks every client to take its next request to another connection. */
  announceClosing(): void;
  /** Stops accepting, lets requests under way finish for up to `ms`, then cuts what is left. */
  drain(ms: number): Promise<void>;
}

/** How often Node looks for requests whose headers do not come; the default, 30 s, makes any limit that long. */
const CHECK_MS = 1_000;

/** After this long in a drain a connection of which nothing has been read is one on which nothing was sent. */
const SENT_MS = 100;

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Whether other processes may listen on the same port (SO_REUSEPORT): the kernel spreads connections over them. */
  readonly reusePort: boolean;
}

/** Listens. Rejects where the address is taken, and with ENOTSUP on a platform without SO_REUSEPORT. */
export async function startServer(options: ServerOptions, address: ListenAddress): Promise<RunningServer> {
  const connections = new ClientConnections(options.maxRequestsPerConnection);
  const backlog = new AcceptBatcher(() => options.clock.now());
  const door = new RequestRouter(options, connections, backlog);
  const server = createServer(
    {
      headersTimeout: options.headersTimeout,
      keepAliveTimeout: options.keepAliveTimeout,
      // A native upload may take as long as it moves; silence is cut by the idle timeout instead.
      requestTimeout: 0,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: options.maxHeaderSize,
      // Said, so that NODE_OPTIONS cannot say otherwise: a lenient parser is half of every smuggled request.
      insecureHTTPParser: false,
      // Node would answer without the envelope. Each way looks at it for itself.
      requireHostHeader: false,
      optimizeEmptyRequests: true,
      // Partner paths and other protocols have no upgrade: there the header is ignored, as RFC 9110, 7.8 allows.
      shouldUpgradeCallback: (request) => door.isUpgrade(request),
    },
    (request, response) => door.enter(request, response, false),
  );
  server.timeout = options.idleTimeout;
  server.maxHeadersCount = options.maxHeaders;
  server.maxConnections = options.maxConnections;
  server.on("connection", (socket) => {
    backlog.taken();
    connections.add(socket);
  });
  hear(server, door, options);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...address }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // A connection that the system cannot give us (no descriptor, no memory). Unheard, it would end the process.
  server.on("error", (cause) => {
    options.onRefused({
      requestId: randomUUID(),
      method: "",
      error: new GatewayError("gateway.busy", { cause }),
    });
  });
  return {
    port: portOf(server),
    announceClosing: () => connections.announceClosing(),
    drain: (ms) =>
      drain(server, connections, { ms, headersMs: options.headersTimeout, clock: options.clock }),
  };
}

/** All that can come besides a plain request: whatever goes unheard, Node answers without the envelope, or not at all. */
function hear(server: Server, door: RequestRouter, options: ServerOptions): void {
  server.on("checkContinue", (request, response) => door.enter(request, response, true));
  // An expectation that nobody knows may be ignored (RFC 9110, 10.1.1); unheard, Node would answer 417 without the envelope.
  server.on("checkExpectation", (request, response) => door.enter(request, response, false));
  server.on("upgrade", (request, socket, head) =>
    options.ways().native.upgrade(request, socket, head, randomUUID()),
  );
  server.on("connect", (_, socket) => door.refuseUnreadable({ code: "CONNECT" }, socket));
  server.on("clientError", (error, socket) => door.refuseUnreadable(error, socket));
}

/** With the listening Node ends its own watch for requests that do not come; here it goes on. */
async function drain(
  server: Server,
  connections: ClientConnections,
  { ms, headersMs, clock }: { readonly ms: number; readonly headersMs: number; readonly clock: Clock },
): Promise<void> {
  connections.closeWhenAnswered();
  // When listening ends, the kernel resets the connections that it has made and Node has not accepted yet, unless it
  // hands them to another replica on the port (tcp_migrate_req). Right after Node has polled there are none; the timer
  // that calls this can run long after that.
  await new Promise<void>((resolve) => void setImmediate(resolve));
  const closed = new Promise<void>((resolve) => {
    // Closes idle connections, too.
    server.close(() => resolve());
  });
  const cancels = [
    // A process that stood still runs its timers before it reads: what came meanwhile is read first.
    clock.after(SENT_MS, () => void setImmediate(() => connections.closeUnbegun("untouched"))),
    clock.after(headersMs, () => connections.closeUnbegun("all")),
    clock.after(ms, () => connections.destroyAll()),
  ];
  await closed;
  for (const cancel of cancels) cancel();
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
