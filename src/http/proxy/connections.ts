import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { buildConnector, Client } from "undici";
import { InFlight } from "../../core/async/in-flight.ts";
import { readAfterFailedWrites } from "./early-answers.ts";
import type { NativeTls } from "./options.ts";

/**
 * Node servers close an idle connection after 5 s. Closing ours a second earlier keeps us from sending a request into
 * a connection that the CMS is just closing, which shows as a 502 once in a while and never when one looks.
 */
export const IDLE_CONNECTION_MS = 4_000;

/** Idle connections to keep; more would only be held against a burst that has passed. */
const IDLE_CONNECTIONS = 256;

/** How connections to one origin are made. */
export interface ProxyConnectionsOptions {
  /** For the TCP connection and TLS, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly tls?: NativeTls | undefined;
  /** The largest head of an answer, in bytes; undici's own limit (16 KiB) where it is left out. */
  readonly maxHeaderSize?: number;
  /** After so many milliseconds without a request one is closed; `IDLE_CONNECTION_MS` where it is left out. */
  readonly idleMs?: number;
}

/**
 * The connections to one origin, each for one request at a time: undici's `Client`s, whose number has no limit. The one
 * that came back last is the next to go, so that those which nobody needs grow old and close.
 */
export class ProxyConnections {
  readonly #open: () => Client;
  readonly #idle: Client[] = [];
  readonly #underWay = new InFlight();
  readonly #live = new Set<Duplex>();
  #closing = false;

  constructor(target: URL, options: ProxyConnectionsOptions) {
    const connect = connectorTo(target, options, this.#live);
    const { idleMs = IDLE_CONNECTION_MS, maxHeaderSize } = options;
    this.#open = () =>
      new Client(target, {
        pipelining: 1,
        // Whatever the environment says: it would put undici's experimental parser in place.
        useMilo: false,
        ...(maxHeaderSize === undefined ? {} : { maxHeaderSize }),
        // The exchange keeps time.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: idleMs,
        keepAliveMaxTimeout: idleMs,
        connect,
      });
  }

  /** One that carries nothing now: kept from an earlier request where there is one. */
  take(): Client {
    this.#underWay.begin();
    return this.#idle.pop() ?? this.#open();
  }

  /** Gives one of `take` back when its request is over, also where its connection broke: it makes another. */
  give(client: Client): void {
    this.#underWay.end();
    if (this.#closing || this.#idle.length >= IDLE_CONNECTIONS) void client.close();
    else this.#idle.push(client);
  }

  /** One that has carried nothing yet and will carry nothing else, for an upgrade. */
  takeSingle(): Client {
    this.#underWay.begin();
    return this.#open();
  }

  /** The request of one of `takeSingle` is over. What it was upgraded to goes on. */
  endSingle(client: Client): void {
    this.#underWay.end();
    void client.close();
  }

  /** Closes the connections that carry nothing now. */
  dropIdle(): void {
    for (const client of this.#idle.splice(0)) void client.close();
  }

  /** Closes idle connections, now and from now on; resolves when none is left, upgraded ones included. */
  async close(): Promise<void> {
    this.#closing = true;
    this.dropIdle();
    await this.#underWay.idle();
    while (this.#live.size > 0) await Promise.all(Array.from(this.#live, closed));
  }
}

/** What makes a connection to `target`; it is listed in `live` for as long as it is open, also after an upgrade. */
function connectorTo(
  target: URL,
  { connectTimeoutMs: timeout, tls }: ProxyConnectionsOptions,
  live: Set<Duplex>,
): buildConnector.connector {
  // Certificates are always checked.
  const connect = buildConnector({ ...tls, timeout, allowH2: false });
  const servername = target.protocol === "https:" ? (tls?.servername ?? serverName(target)) : "";
  return (options, done) => {
    // undici takes TLS's name from the client's Host header: the client would pick the certificate.
    connect({ ...options, servername }, (...made) => {
      const [error, socket] = made;
      if (error === null) {
        live.add(socket);
        readAfterFailedWrites(socket);
        socket.once("close", () => live.delete(socket));
      }
      done(...made);
    });
  };
}

/** The name to ask for in TLS; none for an address (RFC 6066 section 3). */
function serverName({ hostname }: URL): string {
  return isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? hostname : "";
}

/** For a socket of `live`. Settles with the event that also takes it off the list: `socket.closed` is true a tick earlier. */
function closed(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}
