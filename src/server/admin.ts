import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** How a part of the gateway is doing; `down`: it is not even asked, but for a trial once in a while. */
export type PartState = "ok" | "degraded" | "down" | "unknown";

/** What the admin port tells. */
export interface Health {
  /** True once requests can be served, false again from the moment of draining. */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly parts: Readonly<Record<string, PartState>>;
}

/** The admin port: `/livez` (this process runs) and `/readyz` (send it traffic), for probes and people. */
export async function startAdmin(
  health: () => Health,
  listen: { host: string; port: number },
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((request, response) => handle(request, response, health));
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

function handle(request: IncomingMessage, response: ServerResponse, health: () => Health): void {
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (isRead && request.url === "/livez") return send(response, 200, { status: "ok" });
  if (isRead && request.url === "/readyz") {
    const state = health();
    const status = state.draining ? "draining" : state.ready ? "ready" : "starting";
    return send(response, state.ready && !state.draining ? 200 : 503, { status, parts: state.parts });
  }
  return send(response, 404, { error: "Not Found", message: "Known here: /livez, /readyz" });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(text),
  });
  response.end(response.req.method === "HEAD" ? undefined : text);
}
