import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

interface Connection {
  requests: number;
  /** In the order in which their requests came. Few: only a client that pipelines has more than one. */
  readonly unanswered: ServerResponse[];
}

/** The client connections of a server and the requests on them. */
export class Connections {
  readonly #open = new Map<Duplex, Connection>();
  readonly #maxRequests: number;
  #isClosing = false;
  #isClosed = false;

  constructor(maxRequests: number) {
    this.#maxRequests = maxRequests;
  }

  /** Keeps a connection until it closes. */
  add(socket: Socket): void {
    this.#open.set(socket, { requests: 0, unanswered: [] });
    socket.once("close", () => this.#open.delete(socket));
  }

  /** A request has come. Where it is to be the last on its connection, its answer will say so. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.requests += 1;
    connection.unanswered.push(response);
    if (this.#isClosing || connection.requests >= this.#maxRequests) response.shouldKeepAlive = false;
    // Comes once of itself.
    response.on("close", () => {
      connection.unanswered.splice(connection.unanswered.indexOf(response), 1);
      // Its head said "keep-alive" before anybody knew better. Left open, it would hold the drain up to its limit.
      if (this.#isClosed && connection.unanswered.length === 0) socket.destroySoon();
    });
  }

  /**
   * True where nothing may be written to a connection that no longer parses: an earlier request on it is being carried
   * out, and what is written would be taken for its answer (a 400 for a write that happens), or an answer has begun.
   */
  isCommitted(socket: Duplex): boolean {
    const unanswered = this.#open.get(socket)?.unanswered ?? [];
    return unanswered.some((response) => response.req.complete || response.headersSent);
  }

  /** From now on every answer is the last on its connection, those to requests under way included. */
  announceClosing(): void {
    this.#isClosing = true;
    for (const { unanswered } of this.#open.values()) {
      for (const response of unanswered) if (!response.headersSent) response.shouldKeepAlive = false;
    }
  }

  /** No connection outlives its last answer any more. */
  closeWhenAnswered(): void {
    this.announceClosing();
    this.#isClosed = true;
  }

  /** Cuts what is left, upgraded connections included, of which Node's own server no longer knows. */
  destroyAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }
}
