import type { UpstreamAnswer } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { InFlight } from "../../core/async/in-flight.ts";
import type { LookupContext, Upstream } from "../../core/ports.ts";
import { toTransportError } from "./failure.ts";
import { Route, leastBusy, pick, sendWithRetry, type SendOptions } from "./send-with-retry.ts";
import { withDeadline } from "./with-deadline.ts";
import { FairSemaphore } from "./fair-semaphore.ts";
import { assertSendable } from "./sendable.ts";
import { Target, type CmsState, type TargetOptions } from "./target.ts";

/** Times in milliseconds, sizes in bytes. */
export interface PoolOptions extends TargetOptions {
  /** The origins of the CMS's processes; at least one. */
  readonly targets: readonly string[];
  /** The most requests in flight, over all targets. */
  readonly connections: number;
  /** The most requests that wait for a connection. A further one fails with `gateway.busy` at once. */
  readonly queue: number;
  /** The part of the connections and of the queue that one tenant may have. Beyond it, `tenant.busy`. */
  readonly tenantShare: number;
  /** The longest time for any request, even if its client has disconnected. */
  readonly deadline: number;
}

/** The connections to one CMS for partner traffic. */
export interface UpstreamPool extends Upstream {
  readonly targets: readonly Target[];
  /**
   * The state over all targets. `down`: all are down and get trial requests only. `degraded`: some are not
   * healthy.
   */
  readonly state: CmsState;
  /** Returns the target that a request would go to now. */
  pick(but?: ReadonlySet<string>): Target;
  /**
   * Returns one target as an upstream of its own, whatever its state. Health checks use it to detect a
   * recovery.
   */
  only(target: Target): Upstream;
  /** The number of requests that hold a connection, and of those that wait for one. */
  readonly load: { readonly taken: number; readonly waiting: number };
  /** Resolves when no request is in flight. */
  idle(): Promise<void>;
  /** Ends the requests in flight and closes every connection. Call it when no answer is awaited any more. */
  close(): Promise<void>;
}

/**
 * Creates a pool, which opens connections as needed. Certificates are always checked. A request goes to the
 * target with the fewest requests in flight.
 *
 * A request that was provably not sent is retried on the other targets in turn. A safe request without an
 * answer is retried once, on another target if there is one. A write is never sent twice.
 */
export function createUpstream(options: PoolOptions): UpstreamPool {
  const { clock, deadline, connections, queue, tenantShare } = options;
  const targets = options.targets.map((origin) => new Target(origin, options));
  const places = new FairSemaphore({ places: connections, queue, share: tenantShare });
  // Separate permits, so that waiting requests do not delay the health checks.
  const probePlaces = new FairSemaphore({ places: targets.length, queue: targets.length });
  const inFlight = new InFlight();
  const run = async (
    request: Omit<SendOptions, "asking" | "lifetime">,
    asking: LookupContext,
  ): Promise<UpstreamAnswer> => {
    assertSendable(request.outgoing);
    inFlight.begin();
    const limited = withDeadline(asking.signal, deadline, clock);
    const begun = clock.now();
    try {
      const answer = await sendWithRetry({ ...request, asking, lifetime: limited.lifetime });
      asking.note.upstreamStatus = answer.status;
      return answer;
    } catch (error) {
      throw toTransportError(error, limited.lifetime);
    } finally {
      limited.end();
      inFlight.end();
      asking.note.upstreamMs += clock.now() - begun;
    }
  };
  return {
    targets,
    get state() {
      return stateOf(targets);
    },
    pick: (but = new Set()) => pick(targets.filter(({ origin }) => !but.has(origin))) ?? pickAny(targets),
    send: (outgoing, asking) => run({ route: new Route(targets), outgoing, places }, asking),
    only: (target) => ({
      send: (outgoing, asking) => run({ route: new Route([target]), outgoing, places: probePlaces }, asking),
    }),
    get load() {
      return { taken: places.taken, waiting: places.waiting };
    },
    idle: () => inFlight.idle(),
    async close() {
      await Promise.all(targets.map((target) => target.close()));
    },
  };
}

function pickAny(targets: readonly Target[]): Target {
  const target = pick(targets) ?? leastBusy(targets);
  if (target === undefined) throw new GatewayError("gateway.fault", { cause: "an upstream without targets" });
  return target;
}

function stateOf(targets: readonly Target[]): CmsState {
  const states = targets.map(({ state }) => state);
  for (const state of ["ok", "down"] as const) if (states.every((each) => each === state)) return state;
  return states.every((each) => each === "ok" || each === "unknown") ? "unknown" : "degraded";
}
