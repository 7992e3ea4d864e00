import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { handlePurge, type Purge } from "./purge.ts";

/** How a part of the gateway is doing; `down`: it is not even asked, but for a trial once in a while. */
export type PartState = "ok" | "degraded" | "down" | "unknown";

/** What the admin port tells. */
export interface Health {
  /** True once requests can be served, false again from the moment of draining. */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly parts: Readonly<Record<string, PartState>>;
}

/** What the admin port can tell and do. */
export interface AdminOptions {
  readonly health: () => Health;
  readonly purge: Purge;
  /** The text that Prometheus scrapes. */
  readonly metrics: () => Promise<{ contentType: string; body: string }>;
  /** Whoever knows it may purge; without one nobody may. */
  readonly token: string | undefined;
}

/**
 * The admin port: `/livez` (this process runs), `/readyz` (send it traffic) and `/metrics`, and `/purge`
 * (forget what you know), for what changes the CMS's users and tenants behind the gateway's back.
 */
export async function startAdmin(
  options: AdminOptions,
  listen: { host: string; port: number },
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((request, response) => handle(request, response, options));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, () => resolve());
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, close };
}

function handle(request: IncomingMessage, response: ServerResponse, options: AdminOptions): void {
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (isRead && request.url === "/livez") return send(response, 200, { status: "ok" });
  if (isRead && request.url === "/readyz") {
    const state = options.health();
    const status = state.draining ? "draining" : state.ready ? "ready" : "starting";
    return send(response, state.ready && !state.draining ? 200 : 503, { status, parts: state.parts });
  }
  if (isRead && request.url === "/metrics") {
    void options.metrics().then((page) => write(response, 200, page));
    return;
  }
  if (request.method === "POST" && request.url === "/purge") {
    void handlePurge(request, options).then(({ status, body }) => send(response, status, body));
    return;
  }
  return send(response, 404, {
    error: "Not Found",
    message: "Known here: GET /livez, GET /readyz, GET /metrics, POST /purge",
  });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (!response.req.complete) response.shouldKeepAlive = false;
  write(response, status, { contentType: "application/json; charset=utf-8", body: JSON.stringify(body) });
}

function write(response: ServerResponse, status: number, page: { contentType: string; body: string }): void {
  response.writeHead(status, {
    "content-type": page.contentType,
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(page.body),
  });
  response.end(response.req.method === "HEAD" ? undefined : page.body);
}
