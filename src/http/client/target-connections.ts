import { buildConnector, Client } from "undici";

/** The connection settings of one target. Times in milliseconds. */
export interface TargetConnectionsOptions {
  readonly connectTimeout: number;
  /**
   * The time that an idle connection is kept. It must be below the CMS's own, or a request can meet a closing
   * connection.
   */
  readonly keepAlive: number;
  /** The largest head of an answer, in bytes. */
  readonly maxHeaderSize: number;
  readonly tls?: Tls | undefined;
}

/** TLS towards a target: PEM texts, and the server name to request. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/**
 * The connections to one target, each for one request at a time. A caller already holds a permit of the
 * `FairSemaphore`, so there is no queue here; undici's own `Pool` spends most of its time on one. The
 * connection that was returned last is reused first: busy ones stay warm, and unneeded ones reach the idle
 * timeout.
 */
export class TargetConnections {
  readonly #make: () => Client;
  readonly #idle: Client[] = [];
  readonly #all: Client[] = [];

  /** undici's own timeouts are off: see `BufferedRequest`. */
  constructor(origin: string, { connectTimeout, keepAlive, maxHeaderSize, tls }: TargetConnectionsOptions) {
    // A single connector for all clients, since it caches the TLS sessions. Certificates are always checked.
    const connect = buildConnector({ ...tls, timeout: connectTimeout, allowH2: false });
    this.#make = () =>
      new Client(origin, {
        pipelining: 1,
        // Explicit, since an environment variable could enable undici's experimental parser.
        useMilo: false,
        maxHeaderSize,
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: keepAlive,
        keepAliveMaxTimeout: keepAlive,
        connect,
      });
    // Create the first client now, although it connects later, so that invalid settings fail at startup.
    this.give(this.take());
  }

  /** Returns an idle client. */
  take(): Client {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const client = this.#make();
    this.#all.push(client);
    return client;
  }

  /** Takes a client back. A client with a broken connection makes a new one when it is needed. */
  give(client: Client): void {
    this.#idle.push(client);
  }

  /** Ends the requests in flight and closes every connection. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((client) => client.destroy()));
  }
}
