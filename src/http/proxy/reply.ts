import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Clock } from "../../core/clock.ts";
import { renderError } from "../../core/envelope.ts";
import type { GatewayError } from "../../core/errors.ts";
import { announcesBody } from "./guard.ts";

/**
 * The time for which the rest of a body is read and discarded after a refusal. If a socket is closed with
 * unread bytes, the kernel sends a reset, and the client's kernel drops the refusal. nginx calls the remedy
 * lingering close.
 */
const LINGER_MS = 2_000;

/** The request id of an error answer, and whether the connection must be closed after it. */
export interface ConnectionEnd {
  readonly requestId: string;
  readonly close: boolean;
  readonly clock: Clock;
}

/**
 * Answers with the error envelope. If the request's body is not complete, the connection is closed
 * afterwards. If an answer has begun, the client's connection is destroyed instead, so that the client cannot
 * take a part for the whole.
 */
export function answerError(response: ServerResponse, error: GatewayError, ending: ConnectionEnd): void {
  if (response.headersSent) {
    abort(response);
    return;
  }
  const { status, headers, body } = renderError(error, ending.requestId);
  const unread = announcesBody(response.req) && !response.req.complete;
  if (unread || ending.close) response.shouldKeepAlive = false;
  // With an explicit reason phrase: otherwise an upstream phrase that Node refused would still be set.
  response.writeHead(status, STATUS_CODES[status] ?? "", {
    ...headers,
    "content-length": Buffer.byteLength(body),
  });
  if (unread) {
    response.write(body);
    endAfterBody(response, ending.clock);
  } else {
    response.end(body);
  }
}

function endAfterBody(response: ServerResponse, clock: Clock): void {
  const stopWaiting = clock.after(LINGER_MS, () => response.end());
  response.req.once("close", () => {
    stopWaiting();
    response.end();
  });
  response.req.unpipe();
  response.req.resume();
}

/**
 * Destroys the client's connection in the middle of an answer. For HTTP/1.0 the end of the connection is the
 * end of the body. So the client gets a reset, since after a plain close half a document would look complete.
 */
function abort(response: ServerResponse): void {
  const socket = response.socket;
  if (socket !== null && response.req.httpVersionMinor === 0 && !("encrypted" in socket))
    socket.resetAndDestroy();
  response.destroy();
}
