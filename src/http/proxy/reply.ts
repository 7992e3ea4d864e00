import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Clock } from "../../core/clock.ts";
import { renderError } from "../../core/envelope.ts";
import type { GatewayError } from "../../core/errors.ts";
import { announcesBody } from "./guard.ts";

/**
 * How long the rest of a body is read, and thrown away, after a refusal. Closing on unread bytes makes the kernel send
 * a reset, and the client's the refusal unseen (what nginx calls lingering close).
 */
const LINGER_MS = 2_000;

/** How an error is to be told: under which request id, and whether the connection has to end after it. */
export interface ConnectionEnd {
  readonly requestId: string;
  readonly close: boolean;
  readonly clock: Clock;
}

/**
 * Answers with the envelope; after a request whose body has not all come, the connection is closed too. Where an
 * answer has begun nothing true can be said any more, and the client's connection is destroyed instead, so that no
 * part can be taken for the whole.
 */
export function answerError(response: ServerResponse, error: GatewayError, ending: ConnectionEnd): void {
  if (response.headersSent) {
    abort(response);
    return;
  }
  const { status, headers, body } = renderError(error, ending.requestId);
  const unread = announcesBody(response.req) && !response.req.complete;
  if (unread || ending.close) response.shouldKeepAlive = false;
  // With the phrase: an upstream one that Node refused would otherwise still be there.
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
 * Destroys the client's connection in the middle of an answer. To an HTTP/1.0 client the end of the connection is the
 * end of the body, so it gets a reset: a plain close would make half a document look whole.
 */
function abort(response: ServerResponse): void {
  const socket = response.socket;
  if (socket !== null && response.req.httpVersionMinor === 0 && !("encrypted" in socket))
    socket.resetAndDestroy();
  response.destroy();
}
