import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Incoming } from "../core/context.ts";
import { renderError, type Answer } from "../core/envelope.ts";
import { GatewayError } from "../core/errors.ts";
import { carriesApiKey, valuesOf } from "../core/headers.ts";
import { isUnderPrefix, parseTarget } from "../core/path.ts";
import type { NativeProxy } from "../native/proxy.ts";
import { createBodySource } from "./body-source.ts";
import { respond, respondRaw } from "./respond.ts";

/** What the server is made of. Times in milliseconds, sizes in bytes. */
export interface ServerOptions {
  readonly gateway: (request: Incoming) => Promise<Answer>;
  readonly native: NativeProxy;
  readonly nativePrefixes: readonly string[];
  readonly headersTimeout: number;
  readonly keepAliveTimeout: number;
  readonly idleTimeout: number;
  readonly maxHeaderSize: number;
  /** Told of every request that was refused before the pipeline or the native proxy saw it. */
  readonly onRefused: (refused: { requestId: string; method: string; error: GatewayError }) => void;
}

/** A listening server. */
export interface RunningServer {
  readonly port: number;
  /** Stops accepting, lets requests under way finish for up to `ms`, then cuts what is left. */
  drain(ms: number): Promise<void>;
}

/** Listens. Rejects where the address is taken. */
export async function startServer(
  options: ServerOptions,
  listen: { host: string; port: number },
): Promise<RunningServer> {
  const door = new Door(options);
  const server = createServer(
    {
      headersTimeout: options.headersTimeout,
      keepAliveTimeout: options.keepAliveTimeout,
      // A native upload may take as long as it moves; silence is cut by the idle timeout instead.
      requestTimeout: 0,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: options.maxHeaderSize,
      optimizeEmptyRequests: true,
      // Partner paths and other protocols have no upgrade: there the header is ignored, as RFC 9110, 7.8 allows.
      shouldUpgradeCallback: (request) => door.isNativeUpgrade(request),
    },
    (request, response) => door.enter(request, response, false),
  );
  server.timeout = options.idleTimeout;
  server.on("checkContinue", (request, response) => door.enter(request, response, true));
  server.on("upgrade", (request, socket, head) =>
    options.native.upgrade(request, socket, head, randomUUID()),
  );
  server.on("clientError", (error, socket) => door.refuseUnreadable(error, socket));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return { port: portOf(server), drain: (ms) => drain(server, door, ms) };
}

/** Decides for each request which way through the house it takes. */
class Door {
  readonly #options: ServerOptions;
  isDraining = false;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  enter(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const requestId = randomUUID();
    if (this.isDraining) response.shouldKeepAlive = false;
    const target = parseTarget(request.url ?? "");
    if (target.kind === "other") return this.#native(request, response, { requestId, expectsContinue });
    const left = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished)
        left.abort(new GatewayError("request.stalled", { cause: "the client has gone" }));
    });
    const incoming: Incoming = {
      requestId,
      method: request.method ?? "",
      httpVersion: request.httpVersion,
      target,
      headers: request.rawHeaders,
      body: createBodySource({ request, response, expectsContinue }),
      signal: left.signal,
      note: { stage: "receive", upstreamRequests: 0, upstreamMs: 0, ...clientRequestId(request) },
    };
    void this.#options.gateway(incoming).then((answer) => respond(response, answer));
  }

  isNativeUpgrade(request: IncomingMessage): boolean {
    return (
      parseTarget(request.url ?? "").kind === "other" &&
      isUnderPrefix(request.url ?? "", this.#options.nativePrefixes) &&
      request.headers.upgrade?.toLowerCase() === "websocket"
    );
  }

  /** A request that Node's parser refused: the envelope, written by hand, and the connection closed. */
  refuseUnreadable(cause: Error, socket: Duplex): void {
    if ("code" in cause && cause.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const requestId = randomUUID();
    const error = new GatewayError("request.malformed", { cause });
    this.#options.onRefused({ requestId, method: "", error });
    respondRaw(socket, error, requestId);
  }

  #native(
    request: IncomingMessage,
    response: ServerResponse,
    { requestId, expectsContinue }: { requestId: string; expectsContinue: boolean },
  ): void {
    const isNative = isUnderPrefix(request.url ?? "", this.#options.nativePrefixes);
    // A key outside the Partners API is refused wherever it was sent; the native proxy checks again for itself.
    if (!isNative) {
      const error = new GatewayError(carriesApiKey(request.rawHeaders) ? "native.keyed" : "route.unknown");
      this.#options.onRefused({ requestId, method: request.method ?? "", error });
      respond(response, renderError(error, requestId));
      return;
    }
    if (expectsContinue && !carriesApiKey(request.rawHeaders)) response.writeContinue();
    this.#options.native.web(request, response, requestId);
  }
}

/** A client's own request id is noted for the log, cut to a sane length, and never taken for ours. */
function clientRequestId(request: IncomingMessage): { clientRequestId?: string } {
  const [given] = valuesOf(request.rawHeaders, "x-request-id");
  return given === undefined ? {} : { clientRequestId: given.slice(0, 64) };
}

async function drain(server: Server, door: Door, ms: number): Promise<void> {
  door.isDraining = true;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), ms);
  await closed;
  clearTimeout(cut);
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
