import { Pool } from "undici";
import type { Clock } from "../core/clock.ts";
import type { Outgoing, UpstreamAnswer } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";
import type { Asking, Upstream } from "../core/ports.ts";
import { createBreaker, type Breaker } from "./breaker.ts";
import { Exchange, type Patience } from "./exchange.ts";
import { isTimeout, isWorthRepeating, toTransportError } from "./failure.ts";
import { Places } from "./places.ts";
import { assertSendable } from "./sendable.ts";

/** Times in milliseconds, sizes in bytes. */
export interface PoolOptions extends Patience {
  readonly url: string;
  readonly connections: number;
  /** Requests that may wait for a connection; one more is `gateway.busy` at once. */
  readonly queue: number;
  /** The part of connections and queue that one tenant may have; over it `tenant.busy`. */
  readonly tenantShare: number;
  /** The longest that any request may take in all, those included for which nobody waits any more. */
  readonly deadline: number;
  /** How long an idle connection is kept: below the CMS's own, lest a request meets a closing one. */
  readonly keepAlive: number;
  readonly maxAnswer: number;
  readonly breakerFailures: number;
  readonly breakerRetry: number;
  readonly clock: Clock;
}

/** The connections to the CMS for partner traffic. */
export interface UpstreamPool extends Upstream {
  /** True while the CMS is taken for dead and asked once in a while only. */
  readonly isOpen: boolean;
  /** Requests that hold a connection, and those that wait for one. */
  readonly load: { readonly taken: number; readonly waiting: number };
  /** Ends what is under way and closes every connection: by then nobody waits for an answer. */
  close(): Promise<void>;
}

/**
 * Opens connections as needed. Certificates are always checked. A request that failed before anything of its answer
 * came is sent once more if its method is safe; a write never is.
 */
export function createUpstream(options: PoolOptions): UpstreamPool {
  const { clock, deadline } = options;
  const breaker = createBreaker({
    failures: options.breakerFailures,
    retryAfter: options.breakerRetry,
    clock,
  });
  const pool = poolOf(options);
  const { connections, queue, tenantShare: share } = options;
  const places = new Places({ places: connections, queue, share });
  const attempt = attemptsOf({ pool, breaker, places, options });
  return {
    get load() {
      return { taken: places.taken, waiting: places.waiting };
    },
    get isOpen() {
      return breaker.isOpen;
    },
    async send(outgoing, asking) {
      const { note } = asking;
      assertSendable(outgoing);
      const begun = clock.now();
      const limited = limit(asking.signal, deadline, clock);
      const within = { ...asking, signal: limited.signal };
      try {
        const answer = await attempt(outgoing, within).catch((error: unknown) => {
          if (!isWorthRepeating(error, outgoing.method) || limited.signal.aborted) throw error;
          return attempt(outgoing, within);
        });
        note.upstreamStatus = answer.status;
        return answer;
      } catch (error) {
        throw toTransportError(error, limited.signal);
      } finally {
        limited.end();
        note.upstreamMs += clock.now() - begun;
      }
    },
    close: () => pool.destroy(),
  };
}

interface Sending {
  readonly pool: Pool;
  readonly breaker: Breaker;
  readonly places: Places;
  readonly options: PoolOptions;
}

const OPEN = "the breaker is open";

/** Sends one request once, where breaker and places allow it, and tells the breaker how that went. */
function attemptsOf({ pool, breaker, places, options }: Sending) {
  const { clock } = options;
  return async (outgoing: Outgoing, asking: Asking): Promise<UpstreamAnswer> => {
    const { signal, note } = asking;
    const holder = holderOf(asking);
    const onLeft = (): void => places.release(holder);
    const isTrial = breaker.isOpen;
    if (!breaker.admits()) throw new GatewayError("upstream.open", { cause: OPEN });
    await places.take(signal, holder);
    // Again after the wait, so that those who queued before the failures hear of them instead of adding to them.
    if (breaker.isOpen && !isTrial) {
      onLeft();
      throw new GatewayError("upstream.open", { cause: OPEN });
    }
    const begun = clock.now();
    note.upstreamRequests += 1;
    try {
      const answer = await exchange({ pool, options, outgoing, signal, onLeft });
      breaker.answered();
      return answer;
    } catch (error) {
      // Too large, or given up by the caller: neither says that the CMS is down, and clients can cause both.
      if (error instanceof GatewayError && error.code === "upstream.failed") breaker.answered();
      else if (!signal.aborted) breaker.failed({ begun, slow: isTimeout(error) });
      throw error;
    }
  };
}

/**
 * On whose account a connection goes: the tenant's, or the user's while the tenant is not yet known, since a user who
 * asks for ever new tenants has none. Whose a key is, is asked on nobody's account; that has a lane of its own.
 */
function holderOf({ tenant, principal }: Asking): string | undefined {
  if (tenant !== undefined) return `tenant ${tenant.id}`;
  return principal === undefined ? undefined : `user ${principal.userId}`;
}

/** undici's own limits are off, or a last resort above ours: see `Exchange`. */
function poolOf(options: PoolOptions): Pool {
  return new Pool(options.url, {
    connections: options.connections,
    pipelining: 1,
    connectTimeout: options.connectTimeout,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: options.keepAlive,
    keepAliveMaxTimeout: options.keepAlive,
    allowH2: false,
  });
}

interface Errand {
  readonly pool: Pool;
  readonly options: PoolOptions;
  readonly outgoing: Outgoing;
  readonly signal: AbortSignal;
  readonly onLeft: () => void;
}

function exchange({ pool, options, outgoing, signal, onLeft }: Errand): Promise<UpstreamAnswer> {
  const { maxAnswer, clock } = options;
  return new Promise((resolve, reject) => {
    const handler = new Exchange({ signal, maxAnswer, patience: options, clock, resolve, reject, onLeft });
    const { method, target: path, headers, body = null } = outgoing;
    pool.dispatch({ method, path, headers: [...headers], body }, handler);
  });
}

/** `signal`, aborted as `upstream.timeout` after `ms` at the latest. Call `end` when it is over. */
function limit(signal: AbortSignal, ms: number, clock: Clock): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const leave = (): void => controller.abort(signal.reason);
  const cancel = clock.after(ms, () =>
    controller.abort(new GatewayError("upstream.timeout", { cause: `no whole answer in ${ms} ms` })),
  );
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  return {
    signal: controller.signal,
    end: () => {
      cancel();
      signal.removeEventListener("abort", leave);
    },
  };
}
