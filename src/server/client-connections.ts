import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * The number of waiting requests at which reading from a connection pauses. Requests that were read together
 * with the last one wait, too. The limit is not lower because only reading detects that a client has
 * disconnected.
 */
const MOST_WAITING = 64;

/** Pauses the socket again: Node resumes it when a request of the connection is read. */
function pauseAgain(this: Socket): void {
  this.pause();
}

/** A pipelined request that waits for the answers before its own. */
interface Waiting {
  readonly response: ServerResponse;
  readonly start: () => void;
}

interface Connection {
  readonly socket: Socket;
  requests: number;
  /** The answer that is being prepared or written. */
  current: ServerResponse | undefined;
  /** The requests behind it, in order. Only a client that pipelines has any. */
  waiting: Waiting[] | undefined;
  /** True if the parser has failed on this connection. */
  isBroken: boolean;
  isUpgraded: boolean;
}

/** The client connections of a server and the requests on them. */
export class ClientConnections {
  readonly #open = new Map<Duplex, Connection>();
  readonly #maxRequests: number;
  #isClosing = false;
  #isClosed = false;

  constructor(maxRequests: number) {
    this.#maxRequests = maxRequests;
  }

  /** Tracks a connection until it closes. */
  add(socket: Socket): void {
    const none = { current: undefined, waiting: undefined };
    this.#open.set(socket, { socket, requests: 0, ...none, isBroken: false, isUpgraded: false });
    socket.once("close", () => this.#open.delete(socket));
  }

  /**
   * Registers a request and returns true if it may start now. Otherwise `start` is called after the answer
   * before it, so that a write cannot overtake an earlier request (RFC 9112, section 9.3.2). If that answer
   * is the last on the connection (section 9.6) or the client has disconnected, `start` is never called: the
   * client could not learn the result.
   */
  begin(request: IncomingMessage, response: ServerResponse, start: () => void): boolean {
    const { socket } = request;
    const connection = this.#open.get(socket);
    if (connection === undefined || !socket.writable) return false;
    connection.requests += 1;
    if (connection.requests >= this.#maxRequests) response.shouldKeepAlive = false;
    if (connection.current === undefined) {
      this.#makeCurrent(connection, response);
      return true;
    }
    connection.waiting ??= [];
    connection.waiting.push({ response, start });
    if (connection.waiting.length === MOST_WAITING) socket.on("resume", pauseAgain).pause();
    return false;
  }

  /** Makes the next request on this connection the last one. */
  endWithNext(socket: Duplex): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.requests = this.#maxRequests;
  }

  /** Marks a connection as upgraded: it carries no more requests. */
  upgrade(socket: Duplex): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.isUpgraded = true;
  }

  /** Makes `response` the current one. If it is to be the last on its connection, its answer says so. */
  #makeCurrent(connection: Connection, response: ServerResponse): void {
    connection.current = response;
    if (this.#isClosing) response.shouldKeepAlive = false;
    // Emitted once. After the last answer, Node has already ended the connection by then.
    response.on("close", () => {
      connection.current = undefined;
      if (connection.socket.writable) this.#startNext(connection);
    });
  }

  #startNext(connection: Connection): void {
    const { socket, waiting } = connection;
    const next = waiting?.shift();
    if (waiting === undefined || next === undefined) {
      // The answer's head said "keep-alive" before the drain began. If left open, the connection would delay
      // the drain up to its limit.
      if (this.#isClosed || connection.isBroken) socket.destroySoon();
      return;
    }
    if (waiting.length === MOST_WAITING - 1) socket.off("resume", pauseAgain).resume();
    if (waiting.length === 0) connection.waiting = undefined;
    this.#makeCurrent(connection, next.response);
    next.start();
  }

  /**
   * True if nothing may be written to a connection that no longer parses. This applies if an answer has
   * begun, or if the current request is being processed. The client would take the bytes for the answer: a
   * 400 for a write that happens.
   */
  isCommitted(socket: Duplex): boolean {
    const current = this.#open.get(socket)?.current;
    return current !== undefined && (current.req.complete || current.headersSent);
  }

  /**
   * Handles a parser failure: ends the connection after the current answer (RFC 9112 section 9.6). This
   * applies to the answer to a complete request, and to a refusal that closes the connection. Any other
   * answer that has begun waits for the rest of its request, so the connection is destroyed. Returns false if
   * the failure is already known, since Node reports it again for any later bytes.
   */
  breakOff(socket: Duplex): boolean {
    const connection = this.#open.get(socket);
    if (connection === undefined) return true;
    const { current, isBroken } = connection;
    connection.isBroken = true;
    if (isBroken) return false;
    if (current === undefined) return true;
    if (!current.headersSent) current.shouldKeepAlive = false;
    else if (!current.req.complete && current.shouldKeepAlive) socket.destroy();
    return true;
  }

  /**
   * Makes every answer from now on the last on its connection, including the answers to requests in flight.
   */
  announceClosing(): void {
    this.#isClosing = true;
    for (const { current } of this.#open.values())
      if (current?.headersSent === false) current.shouldKeepAlive = false;
  }

  /** Closes every connection after its last answer. */
  closeWhenAnswered(): void {
    this.announceClosing();
    this.#isClosed = true;
  }

  /** Closes connections without a complete request head: all, or only the ones without a single byte read. */
  closeUnbegun(which: "all" | "untouched"): void {
    for (const { socket, current, isUpgraded } of this.#open.values()) {
      const isUnbegun = current === undefined && !isUpgraded;
      if (isUnbegun && (which === "all" || socket.bytesRead === 0)) socket.destroySoon();
    }
  }

  /**
   * Destroys the remaining connections, including upgraded ones, which Node's own server no longer tracks.
   */
  destroyAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }
}
