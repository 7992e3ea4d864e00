import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * So many requests may wait on one connection before no more is read from it; what had been read with them waits, too.
 * Not fewer: that a client has left shows when one reads.
 */
const MOST_WAITING = 64;

/** Node reads on whenever somebody reads one of the connection's requests. */
function pauseAgain(this: Socket): void {
  this.pause();
}

/** A request that waits for its turn. */
interface Waiting {
  readonly response: ServerResponse;
  readonly start: () => void;
}

interface Connection {
  readonly socket: Socket;
  requests: number;
  /** The answer that is being made or written. */
  current: ServerResponse | undefined;
  /** What came behind it, in order. Only a client that pipelines has any. */
  waiting: Waiting[] | undefined;
  /** What comes now cannot be read. */
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

  /** Keeps a connection until it closes. */
  add(socket: Socket): void {
    const none = { current: undefined, waiting: undefined };
    this.#open.set(socket, { socket, requests: 0, ...none, isBroken: false, isUpgraded: false });
    socket.once("close", () => this.#open.delete(socket));
  }

  /**
   * A request has come. True where it is its turn. Otherwise `start` is called when it is: when the one before it is
   * answered, lest a write overtake what came before it (RFC 9112, section 9.3.2). Never, where that answer was the last on
   * the connection (section 9.6) or the client has gone: nobody would learn what became of it.
   */
  begin(request: IncomingMessage, response: ServerResponse, start: () => void): boolean {
    const { socket } = request;
    const connection = this.#open.get(socket);
    if (connection === undefined || !socket.writable) return false;
    connection.requests += 1;
    if (connection.requests >= this.#maxRequests) response.shouldKeepAlive = false;
    if (connection.current === undefined) {
      this.#take(connection, response);
      return true;
    }
    connection.waiting ??= [];
    connection.waiting.push({ response, start });
    if (connection.waiting.length === MOST_WAITING) socket.on("resume", pauseAgain).pause();
    return false;
  }

  /** The next request on this connection is the last. */
  endWithNext(socket: Duplex): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.requests = this.#maxRequests;
  }

  /** It carries no requests any more. */
  upgrade(socket: Duplex): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.isUpgraded = true;
  }

  /** It is the turn of this one. Where it is to be the last on its connection, its answer will say so. */
  #take(connection: Connection, response: ServerResponse): void {
    connection.current = response;
    if (this.#isClosing) response.shouldKeepAlive = false;
    // Comes once of itself; after the last answer Node has ended the connection by then.
    response.on("close", () => {
      connection.current = undefined;
      if (connection.socket.writable) this.#goOn(connection);
    });
  }

  #goOn(connection: Connection): void {
    const { socket, waiting } = connection;
    const next = waiting?.shift();
    if (waiting === undefined || next === undefined) {
      // Its head said "keep-alive" before anybody knew better. Left open, it would hold the drain up to its limit.
      if (this.#isClosed || connection.isBroken) socket.destroySoon();
      return;
    }
    if (waiting.length === MOST_WAITING - 1) socket.off("resume", pauseAgain).resume();
    if (waiting.length === 0) connection.waiting = undefined;
    this.#take(connection, next.response);
    next.start();
  }

  /**
   * True where nothing may be written to a connection that no longer parses: a request on it is being carried out, and
   * what is written would be taken for its answer (a 400 for a write that happens), or an answer has begun.
   */
  isCommitted(socket: Duplex): boolean {
    const current = this.#open.get(socket)?.current;
    return current !== undefined && (current.req.complete || current.headersSent);
  }

  /**
   * What comes now cannot be read. Ends the connection behind the answer under way (RFC 9112 section 9.6): the answer to a
   * request that has all come, and a refusal that closes the connection. Another answer that has begun waits for the rest
   * of its request, so that the connection is cut. False where that is known: Node tells it again of whatever comes.
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

  /** From now on every answer is the last on its connection, those to requests under way included. */
  announceClosing(): void {
    this.#isClosing = true;
    for (const { current } of this.#open.values())
      if (current?.headersSent === false) current.shouldKeepAlive = false;
  }

  /** No connection outlives its last answer any more. */
  closeWhenAnswered(): void {
    this.announceClosing();
    this.#isClosed = true;
  }

  /** Closes those that carry no request, be the head of one on its way: all, or those of which not a byte has been read. */
  closeUnbegun(which: "all" | "untouched"): void {
    for (const { socket, current, isUpgraded } of this.#open.values()) {
      const isUnbegun = current === undefined && !isUpgraded;
      if (isUnbegun && (which === "all" || socket.bytesRead === 0)) socket.destroySoon();
    }
  }

  /** Cuts what is left, upgraded connections included, of which Node's own server no longer knows. */
  destroyAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }
}
