import { buildConnector, Client } from "undici";

/** How connections to one target are made and kept. Milliseconds. */
export interface ClientsOptions {
  readonly connectTimeout: number;
  /** How long an idle connection is kept: below the CMS's own, lest a request meets a closing one. */
  readonly keepAlive: number;
  /** The largest head of an answer, in bytes. */
  readonly maxHeaderSize: number;
  readonly tls?: Tls | undefined;
}

/** TLS towards a target: PEM texts, and the name to ask for. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/**
 * The connections to one target, each for one request at a time. Who takes one has a place already (`FairSemaphore`), so there
 * is nothing to queue here and nothing to look for, which is most of what undici's own `Pool` does. The last that came
 * back is the next to go: the busy ones are warm, and those that nobody needs grow old and close.
 */
export class Clients {
  readonly #make: () => Client;
  readonly #idle: Client[] = [];
  readonly #all: Client[] = [];

  /** undici's own limits are off: see `BufferedRequest`. */
  constructor(origin: string, { connectTimeout, keepAlive, maxHeaderSize, tls }: ClientsOptions) {
    // One for all: the sessions of TLS are remembered in it. Certificates are always checked.
    const connect = buildConnector({ ...tls, timeout: connectTimeout, allowH2: false });
    this.#make = () =>
      new Client(origin, {
        pipelining: 1,
        // Whatever the environment says: it would put undici's experimental parser in place.
        useMilo: false,
        maxHeaderSize,
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: keepAlive,
        keepAliveMaxTimeout: keepAlive,
        connect,
      });
    // The first at once, though it connects later: settings that make none are to be found at the start.
    this.give(this.take());
  }

  /** One that carries nothing. */
  take(): Client {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const client = this.#make();
    this.#all.push(client);
    return client;
  }

  /** Gives one back; also one whose connection broke: it makes another when it needs it. */
  give(client: Client): void {
    this.#idle.push(client);
  }

  /** Ends what is under way and closes every connection. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((client) => client.destroy()));
  }
}
