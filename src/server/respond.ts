import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { renderError, type Answer } from "../core/envelope.ts";
import type { GatewayError } from "../core/errors.ts";

/** How long, in milliseconds, a client that is still sending may go on before its connection is closed. */
const LINGER_MS = 2_000;

/**
 * Writes an answer. Where the request's body was not read to its end the connection is closed after it: what is left
 * of the body must not be taken for the next request, nor be waited for. What still comes is read and dropped for a
 * moment: closing at once would reset the connection, and a reset overtakes the answer (RFC 9112, section 9.6).
 */
export function respond(response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const length = typeof answer.body === "string" ? Buffer.byteLength(answer.body) : answer.body.length;
  const headers: Record<string, string | number> = { ...answer.headers, "content-length": length };
  const request = response.req;
  if (!request.complete) headers["connection"] = "close";
  response.writeHead(answer.status, headers);
  const body = request.method === "HEAD" ? "" : answer.body;
  if (request.complete) {
    response.end(body);
    return;
  }
  response.write(body === "" ? "" : body);
  const close = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(close, LINGER_MS);
  request.once("end", close).once("close", close).resume();
}

/** Writes an error to a bare socket (a request that did not parse, a refused upgrade) and closes it. */
export function respondRaw(socket: Duplex, error: GatewayError, requestId: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = renderError(error, requestId);
  const lines = Object.entries({
    ...headers,
    "content-length": Buffer.byteLength(body),
    connection: "close",
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? "Error"}\r\n${head}\r\n${body.toString()}`);
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  502: "Bad Gateway",
  503: "Service Unavailable",
};
