import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../core/clock.ts";
import { GatewayError } from "../core/errors.ts";
import { AcceptBatcher } from "./accept-batcher.ts";
import { ClientConnections } from "./client-connections.ts";
import { RequestRouter, type RequestRouterOptions } from "./request-router.ts";

/** The server's settings and dependencies. Times in milliseconds, sizes in bytes. */
export interface ServerOptions extends RequestRouterOptions {
  /** The timer for a drain and for the accept batches. */
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
  /** Continues to accept, and asks every client to send its next request on another connection. */
  announceClosing(): void;
  /**
   * Stops accepting, lets requests in flight finish for up to `ms`, then destroys the remaining connections.
   */
  drain(ms: number): Promise<void>;
}

/**
 * The interval of Node's check for late request heads. With the default of 30 s every limit would be at least
 * that long.
 */
const CHECK_MS = 1_000;

/** The time in a drain after which a connection without a read byte counts as unused. */
const UNUSED_AFTER_MS = 100;

/** The address that a server listens on. */
export interface ListenAddress {
  readonly host: string;
  /** 0 chooses a free one. */
  readonly port: number;
  /** Whether other processes may listen on the same port (SO_REUSEPORT): the kernel spreads connections over them. */
  readonly reusePort: boolean;
}

/** Starts to listen. Rejects if the address is in use, and with ENOTSUP on a platform without SO_REUSEPORT. */
export async function startServer(options: ServerOptions, address: ListenAddress): Promise<RunningServer> {
  const connections = new ClientConnections(options.maxRequestsPerConnection);
  const batcher = new AcceptBatcher(() => options.clock.now());
  const router = new RequestRouter(options, connections, batcher);
  const server = createServer(
    {
      headersTimeout: options.headersTimeout,
      keepAliveTimeout: options.keepAliveTimeout,
      // A native upload has no time limit while bytes move. The idle timeout ends a silent one.
      requestTimeout: 0,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: options.maxHeaderSize,
      // Explicit, so that NODE_OPTIONS cannot enable the lenient parser, which permits request smuggling.
      insecureHTTPParser: false,
      // Node would answer without the envelope. The pipeline and the native proxy each check `Host`.
      requireHostHeader: false,
      optimizeEmptyRequests: true,
      // Partner paths and other protocols have no upgrade: RFC 9110, 7.8 allows to ignore the header.
      shouldUpgradeCallback: (request) => router.isUpgrade(request),
    },
    (request, response) => router.enter(request, response, false),
  );
  server.timeout = options.idleTimeout;
  server.maxHeadersCount = options.maxHeaders;
  server.maxConnections = options.maxConnections;
  server.on("connection", (socket) => {
    batcher.taken();
    connections.add(socket);
  });
  addListeners(server, router, options);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...address }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // The system cannot provide a connection (no descriptor, no memory). Without a listener the error would end
  // the process.
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

/**
 * Handles everything besides a plain request. Without a listener, Node answers without the envelope or not at
 * all.
 */
function addListeners(server: Server, router: RequestRouter, options: ServerOptions): void {
  server.on("checkContinue", (request, response) => router.enter(request, response, true));
  // An unknown expectation may be ignored (RFC 9110, 10.1.1). Without a listener, Node would answer 417
  // without the envelope.
  server.on("checkExpectation", (request, response) => router.enter(request, response, false));
  server.on("upgrade", (request, socket, head) =>
    options.ways().native.upgrade(request, socket, head, randomUUID()),
  );
  server.on("connect", (_, socket) => router.refuseUnreadable({ code: "CONNECT" }, socket));
  server.on("clientError", (error, socket) => router.refuseUnreadable(error, socket));
}

/**
 * Drains the connections. Node's own check for late request heads ends when the server stops listening, so
 * this function closes such connections itself.
 */
async function drain(
  server: Server,
  connections: ClientConnections,
  { ms, headersMs, clock }: { readonly ms: number; readonly headersMs: number; readonly clock: Clock },
): Promise<void> {
  connections.closeWhenAnswered();
  // When listening ends, the kernel resets connections that Node has not accepted yet, unless it hands them to
  // another replica on the port (tcp_migrate_req). Right after Node's poll for new connections there are none. This
  // function is called from a timer, which can run long after that poll.
  await new Promise<void>((resolve) => void setImmediate(resolve));
  const closed = new Promise<void>((resolve) => {
    // `close` also closes idle connections.
    server.close(() => resolve());
  });
  const cancels = [
    // A process that was suspended runs its timers before it reads. `setImmediate` lets it read first.
    clock.after(UNUSED_AFTER_MS, () => void setImmediate(() => connections.closeUnbegun("untouched"))),
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
