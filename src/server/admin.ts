import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Health, Snapshot } from "../core/status.ts";
import { EventStream } from "./event-stream.ts";
import { readPage, type PageFile } from "./page.ts";
import { handlePurge, type Purge } from "./purge.ts";
import { mayLook } from "./token.ts";

/** What the admin port can tell and do. */
export interface AdminOptions extends AdminApi {
  /** Times the events of the status page. */
  readonly clock: Clock;
  /** Whoever knows it may look and purge; without one whoever reaches the port may look, and nobody purge. */
  readonly token: string | undefined;
  /** Told of what kept the port from answering. */
  readonly onFault: (cause: unknown) => void;
}

/** The data and actions behind the admin port. */
export interface AdminApi {
  readonly health: () => Promise<Health>;
  readonly purge: Purge;
  /** The text that Prometheus scrapes. */
  readonly metrics: () => Promise<PageFile>;
  /** What became of a past request; `undefined` where none is kept. */
  readonly explain: (requestId: string) => Promise<Explained | undefined>;
  /** What the status page shows. */
  readonly snapshot: () => Promise<Snapshot>;
}

/** What became of one of the past requests, of which the last `keep` are kept. */
export interface Explained {
  readonly keep: number;
  /** As JSON, where it is among them. */
  readonly text: string | undefined;
}

const EXPLAIN = "/explain/";
const JSON_TYPE = "application/json; charset=utf-8";

/** Who asks here sends next to nothing, and at once; by Node's own limits silence may last a minute and a half. */
export const ADMIN_LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  insecureHTTPParser: false,
};
/** One more is closed at once: without a limit a flood here takes the descriptors that partners' connections need. */
const MOST_CONNECTIONS = 256;

interface Site extends AdminOptions {
  readonly events: EventStream;
  readonly page: ReadonlyMap<string, PageFile>;
}

/**
 * The admin port: `/livez` (this process runs) and `/readyz` (send it traffic) for everybody, `/` (the status page),
 * its `/events`, `/metrics` and `/explain/<request id>` for those who may look, and `/purge` (forget what you know), for what changes the CMS's
 * users and tenants behind the gateway's back.
 */
export async function startAdmin(
  options: AdminOptions,
  listen: { host: string; port: number },
  limits: typeof ADMIN_LIMITS = ADMIN_LIMITS,
): Promise<{ port: number; close: () => Promise<void> }> {
  const site: Site = { ...options, events: new EventStream(options), page: readPage() };
  const server = createServer(limits, (request, response) => void answered(request, response, site));
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

/** Never rejects: whatever a part cannot tell of itself, asking it is no reason to end the process. */
async function answered(request: IncomingMessage, response: ServerResponse, site: Site): Promise<void> {
  try {
    await handle(request, response, site);
  } catch (cause) {
    site.onFault(cause);
    const error = { error: "Server Error", message: "An unexpected error occurred" };
    if (response.headersSent) response.destroy();
    else send(response, 500, error);
  }
}

async function handle(request: IncomingMessage, response: ServerResponse, site: Site): Promise<void> {
  const { method } = request;
  const path = pathOf(request);
  const isRead = method === "GET" || method === "HEAD";
  if (isRead && path === "/livez") return send(response, 200, { status: "ok" });
  if (isRead && path === "/readyz") {
    const state = await site.health();
    const status = state.draining ? "draining" : state.ready ? "ready" : "starting";
    return send(response, state.ready && !state.draining ? 200 : 503, { status, parts: state.parts });
  }
  if (method === "POST" && path === "/purge") {
    const { status, body } = await handlePurge(request, site);
    return send(response, status, body);
  }
  if (isRead && isShown(path, site)) return show(request, response, site);
  return send(response, 404, {
    error: "Not Found",
    message:
      "Known here: GET / (status), GET /events, GET /livez, GET /readyz, GET /metrics, GET /explain/<request id>, POST /purge",
  });
}

function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}

function isShown(path: string, { page }: Site): boolean {
  return path === "/events" || path === "/metrics" || path.startsWith(EXPLAIN) || page.has(path);
}

/** What only those may see who may look. */
async function show(request: IncomingMessage, response: ServerResponse, site: Site): Promise<void> {
  const { method } = request;
  const path = pathOf(request);
  if (!mayLook(request, site.token)) return turnAway(response, site);
  if (path === "/metrics") return write(response, 200, await site.metrics());
  if (path === "/events" && method === "GET") {
    if (!(await site.events.add(response)))
      send(response, 503, { error: "Service Unavailable", message: "Too many pages are open" });
    return;
  }
  if (path.startsWith(EXPLAIN)) return explain(response, site, path.slice(EXPLAIN.length));
  const file = site.page.get(path);
  if (file !== undefined) return write(response, 200, file);
  return send(response, 405, { error: "Method Not Allowed", message: "Ask with GET" });
}

/** What became of a past request, or what to do so that it can be told the next time. */
async function explain(response: ServerResponse, site: Site, requestId: string): Promise<void> {
  const explained = await site.explain(requestId);
  if (explained === undefined) {
    const message = "No past request is kept: set trace.keep to how many are to be, and reload or restart";
    return send(response, 404, { error: "Not Found", message });
  }
  const { text: body } = explained;
  if (body !== undefined) return write(response, 200, { contentType: JSON_TYPE, body });
  const message = `Not among the requests that this replica keeps: the last ${explained.keep} (trace.keep) as far as they fit into trace.bytes, since its configuration was read. Every replica keeps its own`;
  return send(response, 404, { error: "Not Found", message });
}

/** With a token set, a browser asks for it as a password; without one it was the wrong name for this machine. */
function turnAway(response: ServerResponse, { token }: Site): void {
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
