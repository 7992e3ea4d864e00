import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type RequestListener,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from "node:http";
import { buffer } from "node:stream/consumers";
import { systemClock } from "../../../../src/app/clock.ts";
import {
  createNativeProxy,
  type NativeFailure,
  type NativeOptions,
  type NativeProxy,
} from "../../../../src/http/proxy/proxy.ts";
import { PATIENCE_MS } from "../../../support/until.ts";

/** A native proxy behind a server, as in the gateway, with its logged failures. */
export interface Front {
  readonly port: number;
  readonly native: NativeProxy;
  readonly server: Server;
  readonly failures: readonly NativeFailure[];
}

/** The part of a tap test that is needed for the teardown. */
export interface Test {
  teardown(done: () => Promise<void>): void;
}

/** The headers that the gateway reserves, the tenant headers included. */
export const RESERVED = ["x-basker-tenant-id", "x-basker-tenant-slug", "x-request-id"];

/** Starts a proxy in front of `target`; ids are `id-1`, `id-2`, ... Limits are long unless a test shortens them. */
export async function startFront(
  t: Test,
  target: URL,
  overrides: Partial<NativeOptions> = {},
): Promise<Front> {
  const failures: NativeFailure[] = [];
  const native = createNativeProxy({
    targets: [target],
    pick: () => target.origin,
    clock: systemClock,
    connectTimeoutMs: PATIENCE_MS,
    firstByteTimeoutMs: PATIENCE_MS,
    idleTimeoutMs: PATIENCE_MS,
    reservedNames: RESERVED,
    isTrustedPeer: () => false,
    onFailure: (failure) => failures.push(failure),
    ...overrides,
  });
  let requests = 0;
  const server = createServer((request, response) =>
    native.web(request, response, `id-${String(++requests)}`),
  );
  server.keepAliveTimeout = 2 * PATIENCE_MS;
  server.on("upgrade", (request, socket, head) =>
    native.upgrade(request, socket, head, `id-${String(++requests)}`),
  );
  const port = await listen(server);
  t.teardown(async () => {
    server.close();
    server.closeAllConnections();
    await native.close();
  });
  return { port, native, server, failures };
}

/** A request as a correct origin received it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** An ordinary Node server that records its requests and answers `ok`, or as `listener` does. */
export interface Origin {
  readonly url: URL;
  readonly server: Server;
  readonly seen: readonly Seen[];
  /** Returns the number of connections that were ever made to it. */
  readonly connections: () => number;
}

/** Starts a correct origin. Without a listener it reads the body, records the request and answers `ok`. */
export async function startOrigin(t: Test, listener?: RequestListener): Promise<Origin> {
  const seen: Seen[] = [];
  let connections = 0;
  const note = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const { method = "", url = "", headers, rawHeaders } = request;
    seen.push({ method, url, headers, rawHeaders, body: body.toString("latin1") });
    response.end("ok");
  };
  const server = createServer(listener ?? ((request, response) => void note(request, response)));
  server.on("connection", () => connections++);
  const port = await listen(server);
  t.teardown(async () => {
    server.close();
    server.closeAllConnections();
    await Promise.resolve();
  });
  return { url: new URL(`http://127.0.0.1:${String(port)}`), server, seen, connections: () => connections };
}

/** An answer as it was received. */
export interface Got {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** Sends one request to the front (on its own connection, unless `options.agent` is set) and reads the answer. */
export async function ask(
  front: Pick<Front, "port">,
  options: RequestOptions = {},
  body?: string,
): Promise<Got> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port: front.port, agent: false, ...options }, resolve);
    request.on("error", reject);
    // Node itself sends the body of a DELETE or OPTIONS without framing.
    if (body !== undefined) request.setHeader("content-length", Buffer.byteLength(body));
    request.end(body);
  });
  const { statusCode: status = 0, statusMessage: reason = "", headers, rawHeaders } = answer;
  return { status, reason, headers, rawHeaders, body: await buffer(answer) };
}

/** Returns a client agent that keeps one connection. */
export function oneConnection(t: Test): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(async () => {
    agent.destroy();
    await Promise.resolve();
  });
  return agent;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}
