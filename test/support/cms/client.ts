import { connect } from "node:net";

/** An object parsed from JSON. */
export type Json = Record<string, unknown>;

/** A small HTTP client for one origin and one user, for the CMS or any server before it. */
export interface Client {
  /** Sends a request with the client's Authorization, unless `init` has one. */
  readonly call: (path: string, init?: RequestInit) => Promise<Response>;
  /** Like `call`, and parses the response as a JSON object. */
  readonly json: (path: string, init?: RequestInit) => Promise<Json>;
  /** Sends `body` as JSON and parses the response as a JSON object. */
  readonly write: (method: string, path: string, body: unknown) => Promise<Json>;
}

/** Makes a client. `authorization` is the whole header value. */
export function clientOf(origin: string, authorization: string): Client {
  const call = (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", authorization);
    return fetch(origin + path, { ...init, headers });
  };
  const json = async (path: string, init?: RequestInit): Promise<Json> => {
    const body: unknown = await (await call(path, init)).json();
    if (typeof body !== "object" || body === null) throw new Error(`${path}: not an object`);
    return { ...body };
  };
  return {
    call,
    json,
    write: (method, path, body) =>
      json(path, {
        method,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
  };
}

/**
 * Sends lines as given, which no HTTP client would, and resolves with the whole response. The lines must
 * contain `Connection: close`.
 */
export async function rawExchange(port: number, lines: readonly string[]): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
