import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../core/clock.ts";
import { renderError, type Answer } from "../core/envelope.ts";
import type { GatewayError } from "../core/errors.ts";
import { announcesBody } from "../http/proxy/guard.ts";

/**
 * The time and the bytes for which an unread body is read and discarded after an early answer. If a socket is
 * closed with unread bytes, the kernel sends a reset, and the client's kernel drops the answer unread. nginx
 * calls the remedy lingering close.
 */
const LINGER_MS = 2_000;
const LINGER_BYTES = 8 * 1_048_576;

/**
 * Writes an answer. If the request's body was not read completely, the connection is closed afterwards: the
 * rest must not be parsed as the next request. The rest is read and discarded for a short time, since an
 * immediate close resets the connection. A reset overtakes the answer (RFC 9112, section 9.6).
 */
export function respond(response: ServerResponse, answer: Answer, clock: Clock): void {
  if (response.headersSent || response.destroyed) return;
  const length = typeof answer.body === "string" ? Buffer.byteLength(answer.body) : answer.body.length;
  const headers: Record<string, string | number> = { ...answer.headers, "content-length": length };
  // Without an announced body there is nothing to read, although Node does not call the request complete yet.
  const isUnread = announcesBody(response.req) && !response.req.complete;
  if (isUnread) response.shouldKeepAlive = false;
  response.writeHead(answer.status, headers);
  const body = response.req.method === "HEAD" ? undefined : answer.body;
  if (!isUnread) {
    response.end(body);
    return;
  }
  // The answer to a HEAD has no body. Without a flush, its head would wait for the first byte of one.
  if (body === undefined) response.flushHeaders();
  else response.write(body);
  endAfterBody(response, clock);
}

/** Ends the response when the client stops sending, exceeds the byte limit, or exceeds the time limit. */
function endAfterBody(response: ServerResponse, clock: Clock): void {
  const { req: request } = response;
  let bytes = 0;
  const end = (): void => {
    cancel();
    request.off("data", count);
    response.end();
  };
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) end();
  };
  const cancel = clock.after(LINGER_MS, end);
  request.on("data", count).once("end", end).once("close", end).once("error", end);
  response.once("close", cancel);
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
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}\r\n${head}\r\n${body.toString()}`);
  // Nothing reads the socket from here on: a client that continues to send would keep it open indefinitely.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}
