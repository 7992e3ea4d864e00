import type { UpstreamAnswer } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { InFlight } from "../../core/async/in-flight.ts";
import type { LookupContext, Upstream } from "../../core/ports.ts";
import { toTransportError } from "./failure.ts";
import { Route, leastBusy, pick, sendWithRetry, type SendOptions } from "./send-with-retry.ts";
import { limit } from "./limit.ts";
import { FairSemaphore } from "./fair-semaphore.ts";
import { assertSendable } from "./sendable.ts";
import { Target, type CmsState, type TargetOptions } from "./target.ts";

/** Times in milliseconds, sizes in bytes. */
export interface PoolOptions extends TargetOptions {
  /** The origins of the CMS's processes; at least one. */
  readonly targets: readonly string[];
  /** Requests at the same time, over all targets. */
  readonly connections: number;
  /** Requests that may wait for a connection; one more is `gateway.busy` at once. */
  readonly queue: number;
  /** The part of connections and queue that one tenant may have; over it `tenant.busy`. */
  readonly tenantShare: number;
  /** The longest that any request may take in all, those included for which nobody waits any more. */
  readonly deadline: number;
}

/** The connections to one CMS for partner traffic. */
export interface UpstreamPool extends Upstream {
  readonly targets: readonly Target[];
  /** `down`: taken for dead and asked once in a while only; `degraded`: not every target is well. */
  readonly state: CmsState;
  /** The target that the next request goes to, were there one now. */
  pick(but?: ReadonlySet<string>): Target;
  /** One target as an upstream of its own, whatever is thought of it: how it is found to be back. */
  only(target: Target): Upstream;
  /** Requests that hold a connection, and those that wait for one. */
  readonly load: { readonly taken: number; readonly waiting: number };
  /** Resolves when no request is under way. */
  idle(): Promise<void>;
  /** Ends what is under way and closes every connection: by then nobody waits for an answer. */
  close(): Promise<void>;
}

/**
 * Opens connections as needed. Certificates are always checked. A request goes to the target with the fewest under way.
 * One that was provably not sent goes to another target, one after another; a safe one that got no answer goes out once
 * more, to another where there is one. A write is never sent twice.
 */
export function createUpstream(options: PoolOptions): UpstreamPool {
  const { clock, deadline, connections, queue, tenantShare } = options;
  const targets = options.targets.map((origin) => new Target(origin, options));
  const places = new FairSemaphore({ places: connections, queue, share: tenantShare });
  // Apart, so that a crowd of requests does not keep the CMS from being asked how it is.
  const aside = new FairSemaphore({ places: targets.length, queue: targets.length });
  const underWay = new InFlight();
  const go = async (
    errand: Omit<SendOptions, "asking" | "lifetime">,
    asking: LookupContext,
  ): Promise<UpstreamAnswer> => {
    assertSendable(errand.outgoing);
    underWay.begin();
    const limited = limit(asking.signal, deadline, clock);
    const begun = clock.now();
    try {
      const answer = await sendWithRetry({ ...errand, asking, lifetime: limited.lifetime });
      asking.note.upstreamStatus = answer.status;
      return answer;
    } catch (error) {
      throw toTransportError(error, limited.lifetime);
    } finally {
      limited.end();
      underWay.end();
      asking.note.upstreamMs += clock.now() - begun;
    }
  };
  return {
    targets,
    get state() {
      return stateOf(targets);
    },
    pick: (but = new Set()) => pick(targets.filter(({ origin }) => !but.has(origin))) ?? pickAny(targets),
    send: (outgoing, asking) => go({ route: new Route(targets), outgoing, places }, asking),
    only: (target) => ({
      send: (outgoing, asking) => go({ route: new Route([target]), outgoing, places: aside }, asking),
    }),
    get load() {
      return { taken: places.taken, waiting: places.waiting };
    },
    idle: () => underWay.idle(),
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
