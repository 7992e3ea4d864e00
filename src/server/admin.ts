import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Health, Snapshot } from "../core/status.ts";
import { EventStream } from "./event-stream.ts";
import { readPage, type PageFile } from "./page.ts";
import { handlePurge, type Purge } from "./purge.ts";
import { hasReadAccess } from "./token.ts";

/** The dependencies of the admin port. */
export interface AdminOptions extends AdminApi {
  /** The timer for the events of the status page. */
  readonly clock: Clock;
  /**
   * The token that grants access to the status page and to `/purge`. Without one, every client of the port
   * may read the status page, and no client may purge.
   */
  readonly token: string | undefined;
  /** Called with each error that prevented an answer. */
  readonly onFault: (cause: unknown) => void;
}

/** The state and the operations of a gateway. */
export interface AdminApi {
  readonly health: () => Promise<Health>;
  readonly purge: Purge;
  /** Returns the text that Prometheus scrapes. */
  readonly metrics: () => Promise<PageFile>;
  /** Returns the data of the status page. */
  readonly snapshot: () => Promise<Snapshot>;
}

const JSON_TYPE = "application/json; charset=utf-8";

/**
 * Limits for admin clients, which send little and at once. Node's defaults would allow 90 seconds of silence.
 */
export const ADMIN_LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  insecureHTTPParser: false,
};
/**
 * The most connections; further ones are closed at once. Without a limit a flood here would use up the
 * descriptors that partners' connections need.
 */
const MOST_CONNECTIONS = 256;

interface AdminContext extends AdminOptions {
  readonly events: EventStream;
  readonly page: ReadonlyMap<string, PageFile>;
}

/**
 * Starts the admin port. `/livez` (the process runs) and `/readyz` (ready for traffic) are open. `/` (the
 * status page), its `/events` and `/metrics` need read access. `/purge` needs the token: it invalidates cached
 * data after the CMS's users or tenants were changed without the gateway.
 */
export async function startAdmin(
  options: AdminOptions,
  listen: { host: string; port: number },
  limits: typeof ADMIN_LIMITS = ADMIN_LIMITS,
): Promise<{ port: number; close: () => Promise<void> }> {
  const context: AdminContext = { ...options, events: new EventStream(options), page: readPage() };
  const server = createServer(limits, (request, response) => void answer(request, response, context));
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, () => resolve());
  });
  server.on("error", options.onFault);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, close };
}

/** Answers a request. Never rejects: an error in a part must not end the process. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  context: AdminContext,
): Promise<void> {
  try {
    await handle(request, response, context);
  } catch (cause) {
    context.onFault(cause);
    const error = { error: "Server Error", message: "An unexpected error occurred" };
    if (response.headersSent) response.destroy();
    else send(response, 500, error);
  }
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  context: AdminContext,
): Promise<void> {
  const { method } = request;
  const path = pathOf(request);
  const isRead = method === "GET" || method === "HEAD";
  if (isRead && path === "/livez") return send(response, 200, { status: "ok" });
  if (isRead && path === "/readyz") {
    const state = await context.health();
    const status = state.draining ? "draining" : state.ready ? "ready" : "starting";
    return send(response, state.ready && !state.draining ? 200 : 503, { status, parts: state.parts });
  }
  if (method === "POST" && path === "/purge") {
    const { status, body } = await handlePurge(request, context);
    return send(response, status, body);
  }
  if (isRead && isShown(path, context)) return show(request, response, context);
  return send(response, 404, {
    error: "Not Found",
    message: "Known here: GET / (status), GET /events, GET /livez, GET /readyz, GET /metrics, POST /purge",
  });
}

function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}

function isShown(path: string, { page }: AdminContext): boolean {
  return path === "/events" || path === "/metrics" || page.has(path);
}

/** Answers the requests that need read access. */
async function show(
  request: IncomingMessage,
  response: ServerResponse,
  context: AdminContext,
): Promise<void> {
  const { method } = request;
  const path = pathOf(request);
  if (!hasReadAccess(request, context.token)) return refuseAccess(response, context);
  if (path === "/metrics") return write(response, 200, await context.metrics());
  if (path === "/events" && method === "GET") {
    if (!(await context.events.add(response)))
      send(response, 503, { error: "Service Unavailable", message: "Too many pages are open" });
    return;
  }
  const file = context.page.get(path);
  if (file !== undefined) return write(response, 200, file);
  return send(response, 405, { error: "Method Not Allowed", message: "Ask with GET" });
}

/**
 * Refuses a request without access. With a token set, the browser asks for it as a password. Without one, the
 * request's `Host` was not a name of this machine.
 */
function refuseAccess(response: ServerResponse, { token }: AdminContext): void {
  if (token === undefined) {
    const message = "Ask by IP address or as localhost, or set ADMIN_TOKEN (server.adminToken)";
    return send(response, 403, { error: "Forbidden", message });
  }
  response.setHeader(
    "www-authenticate",
    'Basic realm="partners-gateway (any name, the admin token as password)"',
  );
  const message = "Send the admin token as Authorization: Bearer <token>, or as the password of Basic";
  return send(response, 401, { error: "Unauthorized", message });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (!response.req.complete) response.shouldKeepAlive = false;
  write(response, status, { contentType: JSON_TYPE, body: JSON.stringify(body) });
}

function write(response: ServerResponse, status: number, page: PageFile): void {
  response.writeHead(status, {
    ...page.headers,
    "content-type": page.contentType,
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(page.body),
  });
  response.end(response.req.method === "HEAD" ? undefined : page.body);
}
