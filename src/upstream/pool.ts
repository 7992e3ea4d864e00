import { Pool } from "undici";
import type { Clock } from "../core/clock.ts";
import type { Outgoing, UpstreamAnswer } from "../core/context.ts";
import type { Asking, Upstream } from "../core/ports.ts";
import { Exchange } from "./exchange.ts";
import { isWorthRepeating, toTransportError } from "./failure.ts";

/** Times in milliseconds, sizes in bytes. */
export interface PoolOptions {
  readonly url: string;
  readonly connections: number;
  readonly connectTimeout: number;
  readonly firstByteTimeout: number;
  readonly idleTimeout: number;
  /** How long an idle connection is kept: below the CMS's own, lest a request meets a closing one. */
  readonly keepAlive: number;
  readonly maxAnswer: number;
  readonly clock: Clock;
}

/** The connections to the CMS for partner traffic. */
export interface UpstreamPool extends Upstream {
  /** Waits for requests under way, then closes every connection. */
  close(): Promise<void>;
}

/**
 * Opens connections as needed. Certificates are always checked. A request that failed before anything of its answer
 * came is sent once more if its method is safe; a write never is.
 */
export function createUpstream(options: PoolOptions): UpstreamPool {
  const { clock, maxAnswer } = options;
  const pool = new Pool(options.url, {
    connections: options.connections,
    pipelining: 1,
    connectTimeout: options.connectTimeout,
    headersTimeout: options.firstByteTimeout,
    bodyTimeout: options.idleTimeout,
    keepAliveTimeout: options.keepAlive,
    keepAliveMaxTimeout: options.keepAlive,
    allowH2: false,
  });

  const attempt = (outgoing: Outgoing, asking: Asking): Promise<UpstreamAnswer> =>
    new Promise((resolve, reject) => {
      const exchange = new Exchange({ signal: asking.signal, maxAnswer, resolve, reject });
      pool.dispatch(
        {
          method: outgoing.method,
          path: outgoing.target,
          headers: [...outgoing.headers],
          body: outgoing.body ?? null,
        },
        exchange,
      );
    });

  return {
    async send(outgoing, asking) {
      const { note } = asking;
      const begun = clock.now();
      note.upstreamRequests += 1;
      try {
        const answer = await attempt(outgoing, asking).catch((error: unknown) => {
          if (!isWorthRepeating(error, outgoing.method) || asking.signal.aborted) throw error;
          note.upstreamRequests += 1;
          return attempt(outgoing, asking);
        });
        note.upstreamStatus = answer.status;
        return answer;
      } catch (error) {
        throw toTransportError(error, asking.signal);
      } finally {
        note.upstreamMs += clock.now() - begun;
      }
    },
    close: () => pool.close(),
  };
}
