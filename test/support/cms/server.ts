import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import type { Payload } from "payload";
import { WebSocketServer } from "ws";

import { STANDARD } from "./collections.ts";
import type { Access, Renamed } from "./config.ts";
import { graphqlHandler, type GraphqlHandler } from "./graphql.ts";
import { closeInstance, openInstance, type Instance } from "./instance.ts";
import { KEYS } from "./keys.ts";
import { nextRoute } from "./next-paths.ts";
import { handleEndpoints } from "./payload.ts";
import type { Project } from "./project.ts";
import { PATIENCE_MS } from "../until.ts";
import { readBody, recordOf, type RecordedRequest } from "./recorder.ts";
import { createReset } from "./reset.ts";
import { freshCopy, removeCopy } from "./template.ts";
import { html, sendResponse, webRequest, type Incoming } from "./web.ts";

/**
 * The methods that a route handler receives. Next.js answers other methods with 400, and TRACE, for which no
 * web request exists, with 500.
 */
const METHODS = new Set(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"]);

/** How to start a CMS. Every instance has its own seeded data. */
export interface CmsOptions {
  /** Default `loose`: see `Access`. */
  readonly access?: Access;
  /** Default none: see `ConfigOptions`. */
  readonly renamed?: Renamed;
  /** Default `STANDARD`. */
  readonly project?: Project;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default true: record incoming requests in `requests`. */
  readonly record?: boolean;
}

/** A running CMS. */
export interface Cms {
  /** Its origin, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Payload's local API on the same data, without HTTP and by default without access control. */
  readonly payload: Payload;
  readonly keys: typeof KEYS;
  /** The requests received since the start or the last `takeRequests`, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** False stops recording. */
  recording: boolean;
  /** Returns `requests` and empties it. */
  takeRequests(): RecordedRequest[];
  /** Restores the seeded data and clears the recorded requests. No request may be in flight. */
  reset(): Promise<void>;
  /** Ends the CMS and removes its data. */
  close(): Promise<void>;
}

/** Starts a seeded CMS. */
export async function startCms(options: CmsOptions = {}): Promise<Cms> {
  const {
    access = "loose",
    project = STANDARD,
    renamed,
    port = 0,
    host = "127.0.0.1",
    record = true,
  } = options;
  const dir = await freshCopy(project);
  let instance: Instance | undefined;
  try {
    instance = await openInstance({ dir, access, project, renamed });
    const http = new CmsHttp(instance, record);
    const bound = await http.listen(port, host);
    return cmsOf(instance, http, { url: `http://${host}:${bound}`, port: bound, dir, project });
  } catch (error) {
    if (instance) await closeInstance(instance);
    await removeCopy(dir);
    throw error;
  }
}

/** The address of an instance, and the location of its data. */
interface InstanceLocation {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  readonly project: Project;
}

function cmsOf(instance: Instance, http: CmsHttp, at: InstanceLocation): Cms {
  const { payload } = instance;
  let closed: Promise<void> | undefined;
  const shut = async (): Promise<void> => {
    await http.close();
    await closeInstance(instance);
    await removeCopy(at.dir);
  };
  const resetData = createReset({ payload, dir: at.dir, project: at.project });
  return {
    url: at.url,
    port: at.port,
    payload,
    keys: KEYS,
    requests: http.requests,
    takeRequests: () => http.requests.splice(0),
    get recording() {
      return http.recording;
    },
    set recording(on) {
      http.recording = on;
    },
    reset: async () => {
      http.requests.length = 0;
      await resetData();
    },
    close: () => (closed ??= shut()),
  };
}

class CmsHttp {
  readonly requests: RecordedRequest[] = [];
  recording: boolean;
  readonly #instance: Instance;
  readonly #graphql: GraphqlHandler;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #running = new Set<Promise<void>>();
  #origin = "http://127.0.0.1";

  constructor(instance: Instance, recording: boolean) {
    this.#instance = instance;
    this.#graphql = graphqlHandler(instance);
    this.recording = recording;
    this.#server = createServer((req, res) => {
      const running = this.#serve(req, res).finally(() => this.#running.delete(running));
      this.#running.add(running);
    });
    // The CMS closes no idle connection while a busy machine delays a request on its way.
    this.#server.keepAliveTimeout = 2 * PATIENCE_MS;
    this.#server.on("upgrade", (req, socket, head) => this.#upgrade(req, socket, head));
  }

  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the CMS has no port");
    this.#origin = `http://${host}:${address.port}`;
    return address.port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const client of this.#sockets.clients) client.terminate();
    this.#server.closeAllConnections();
    await closed;
    await Promise.allSettled(this.#running);
  }

  #note(req: IncomingMessage, upgrade = false): RecordedRequest {
    const record = recordOf(req, upgrade);
    if (this.recording) this.requests.push(record);
    return record;
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const record = this.#note(req);
    const gone = new AbortController();
    res.once("close", () => gone.abort());
    try {
      const body = await readBody(req, record);
      const response = await this.#answer({ req, body, signal: gone.signal }).catch(() => html(500));
      await sendResponse(response, req, res);
      await body.drain();
    } catch {
      // The client disconnected or its body broke off, so no response can be sent.
      res.destroy();
    }
  }

  async #answer(incoming: Incoming): Promise<Response> {
    const { method = "", url = "" } = incoming.req;
    const route = nextRoute(url);
    if (route.kind === "redirect")
      return new Response(route.location, { status: 308, headers: { location: route.location } });
    if (route.kind === "html") return html(route.status);
    if (route.kind === "admin") return html(200, "Admin");
    if (!METHODS.has(method)) return new Response(null, { status: 400 });
    const request = webRequest(new URL(route.path + route.search, this.#origin), incoming);
    if (route.kind === "graphql" && method !== "OPTIONS") {
      return method === "POST" ? this.#graphql(request) : new Response(null, { status: 405 });
    }
    const { config, cacheKey: payloadInstanceCacheKey } = this.#instance;
    return handleEndpoints({ config, path: route.path, payloadInstanceCacheKey, request });
  }

  #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#note(req, true);
    if (req.url?.split("?", 1)[0] !== "/_next/webpack-hmr") {
      socket.destroy();
      return;
    }
    this.#sockets.handleUpgrade(req, socket, head, (client) => {
      // A client's protocol error must not end the process.
      client.on("error", () => client.terminate());
      client.on("message", (data, isBinary) => client.send(data, { binary: isBinary }));
    });
  }
}
