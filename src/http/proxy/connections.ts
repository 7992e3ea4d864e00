import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { buildConnector, Client } from "undici";
import { InFlight } from "../../core/async/in-flight.ts";
import { readAfterFailedWrites } from "./early-answers.ts";
import type { NativeTls } from "./options.ts";

/**
 * The idle timeout of connections to the CMS. Node servers close an idle connection after 5 s. With a second
 * less, no request meets a closing connection, which would be a rare 502 that is hard to reproduce.
 */
export const IDLE_CONNECTION_MS = 4_000;

/** The most idle connections that are kept after a burst of traffic. */
const IDLE_CONNECTIONS = 256;

/** The connection settings of one origin. */
export interface ProxyConnectionsOptions {
  /** The timeout for the TCP connection and TLS, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly tls?: NativeTls | undefined;
  /** The largest head of an answer, in bytes. The default is undici's own limit (16 KiB). */
  readonly maxHeaderSize?: number;
  /** The idle timeout of a connection in milliseconds. The default is `IDLE_CONNECTION_MS`. */
  readonly idleMs?: number;
}

/**
 * The connections to one origin, each for one request at a time: undici's `Client`s, without a limit. The
 * connection that was returned last is reused first, so that unneeded ones reach the idle timeout.
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
        // Explicit, since an environment variable could enable undici's experimental parser.
        useMilo: false,
        ...(maxHeaderSize === undefined ? {} : { maxHeaderSize }),
        // The exchange has its own timers.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: idleMs,
        keepAliveMaxTimeout: idleMs,
        connect,
      });
  }

  /** Returns a client without a request: an idle one if there is any, otherwise a new one. */
  take(): Client {
    this.#underWay.begin();
    return this.#idle.pop() ?? this.#open();
  }

  /** Takes back a client of `take` after its request. A client with a broken connection makes a new one. */
  give(client: Client): void {
    this.#underWay.end();
    if (this.#closing || this.#idle.length >= IDLE_CONNECTIONS) void client.close();
    else this.#idle.push(client);
  }

  /** Returns a new client for one upgrade. */
  takeSingle(): Client {
    this.#underWay.begin();
    return this.#open();
  }

  /** Ends the request of a client of `takeSingle`. The upgraded connection continues. */
  endSingle(client: Client): void {
    this.#underWay.end();
    void client.close();
  }

  /** Closes the idle connections. */
  dropIdle(): void {
    for (const client of this.#idle.splice(0)) void client.close();
  }

  /**
   * Closes idle connections, now and from now on. Resolves when no connection is left, including upgraded
   * ones.
   */
  async close(): Promise<void> {
    this.#closing = true;
    this.dropIdle();
    await this.#underWay.idle();
    while (this.#live.size > 0) await Promise.all(Array.from(this.#live, closed));
  }
}

/**
 * Returns undici's connector for `target`. Each connection is listed in `live` while it is open, also after
 * an upgrade.
 */
function connectorTo(
  target: URL,
  { connectTimeoutMs: timeout, tls }: ProxyConnectionsOptions,
  live: Set<Duplex>,
): buildConnector.connector {
  // Certificates are always checked.
  const connect = buildConnector({ ...tls, timeout, allowH2: false });
  const servername = target.protocol === "https:" ? (tls?.servername ?? serverName(target)) : "";
  return (options, done) => {
    // undici takes the TLS server name from the client's Host header, so that the client would choose the
    // certificate.
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

/** The server name for TLS; none for an IP address (RFC 6066 section 3). */
function serverName({ hostname }: URL): string {
  return isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? hostname : "";
}

/**
 * Resolves when a socket of `live` closes, with the event that also removes it from the set. `socket.closed`
 * is true a tick earlier.
 */
function closed(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}
