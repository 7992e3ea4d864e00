import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { NativeTls } from "./options.ts";

/**
 * Node servers close an idle connection after 5 s. Closing ours a second earlier keeps us from sending a request into
 * a connection that the CMS is just closing, which shows as a 502 once in a while and never when one looks.
 */
export const IDLE_CONNECTION_MS = 4_000;

/** Idle connections to keep; more would only be held against a burst that has passed. */
const IDLE_CONNECTIONS = 256;

/** The connections to the CMS. */
export interface Connections {
  /** For requests: keeps connections alive between them. */
  readonly pool: HttpAgent;
  /** For upgrades: a connection that began one is never used again, so that nothing left on it meets another user. */
  readonly single: HttpAgent;
  /** Closes the connections that carry nothing now. */
  dropIdle(): void;
  /** Closes idle connections, now and from now on; resolves when none of either kind is left. */
  close(): Promise<void>;
}

/** Connections to one origin. */
export function openConnections(target: URL, tls: NativeTls = {}): Connections {
  const live = new Set<Duplex>();
  const pool = agentFor({ target, tls, live }, true);
  const single = agentFor({ target, tls, live }, false);
  const dropIdle = (): void => {
    for (const sockets of Object.values(pool.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  };
  return {
    pool,
    single,
    dropIdle,
    async close() {
      pool.maxFreeSockets = 0;
      dropIdle();
      while (live.size > 0) await Promise.all(Array.from(live, closed));
    },
  };
}

interface Site {
  readonly target: URL;
  readonly tls: NativeTls;
  readonly live: Set<Duplex>;
}

/** An agent whose sockets are listed in `live` for as long as they are open, upgraded ones too. */
function agentFor({ target, tls, live }: Site, keepAlive: boolean): HttpAgent {
  const host = target.hostname.replace(/^\[|\]$/g, "");
  const options = {
    keepAlive,
    maxFreeSockets: IDLE_CONNECTIONS,
    ...(keepAlive && { timeout: IDLE_CONNECTION_MS }),
  };
  // Without `servername` Node takes TLS's name from the client's Host header: the client would pick the certificate.
  const agent =
    target.protocol === "https:"
      ? new HttpsAgent({ ...options, servername: isIP(host) === 0 ? host : "", ...tls })
      : new HttpAgent(options);
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (request, done) => {
    const socket = connect(request, done);
    if (socket) {
      live.add(socket);
      socket.once("close", () => live.delete(socket));
    }
    return socket;
  };
  return agent;
}

/** For a socket of `live`. Settles with the event that also takes it off the list: `socket.closed` is true a tick earlier. */
function closed(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}
