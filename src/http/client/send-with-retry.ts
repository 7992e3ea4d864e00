import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";
import type { LookupContext } from "../../core/ports.ts";
import { isAnswered, isRetryable } from "./failure.ts";
import type { Holders, FairSemaphore } from "./fair-semaphore.ts";
import type { Target } from "./target.ts";

const OPEN_CAUSE = "the breaker is open";

/** The targets that one request tries. */
export class Route {
  readonly #targets: readonly Target[];
  #tried: readonly Target[] = [];
  #isRepeated = false;

  constructor(targets: readonly Target[]) {
    this.#targets = targets;
  }

  /**
   * Returns a target for a trial if every breaker is open. This request must then be sent to it. Throws
   * `upstream.open` if no trial is due.
   */
  trial(): Target | undefined {
    if (this.#targets.some(({ breaker }) => !breaker.isOpen)) return undefined;
    const trial = this.#targets.find(({ breaker }) => breaker.admits());
    if (trial === undefined) throw new GatewayError("upstream.open", { cause: OPEN_CAUSE });
    this.#tried = [trial];
    return trial;
  }

  /** Returns a target that was not tried yet; `undefined` if none is left or available. */
  next(): Target | undefined {
    const tried = this.#tried;
    const left = tried.length === 0 ? this.#targets : this.#targets.filter((one) => !tried.includes(one));
    const next = pick(left);
    if (next !== undefined) this.#tried = [...tried, next];
    return next;
  }

  /**
   * Returns a target that was already tried, once. This covers a stale connection when there is no other
   * target.
   */
  again(): Target | undefined {
    if (this.#isRepeated) return undefined;
    this.#isRepeated = true;
    return pick(this.#targets);
  }
}

/** A request, its targets, and the semaphore of the connections. */
export interface SendOptions {
  readonly route: Route;
  readonly outgoing: Outgoing;
  readonly asking: Pick<LookupContext, "note" | "tenant" | "principal" | "isUnknownKey" | "received">;
  /** Aborts when the client disconnects or the deadline passes. */
  readonly lifetime: Cancellation;
  readonly places: FairSemaphore;
}

/**
 * Sends a request and retries it on other targets, as breakers and permits allow. Each attempt takes a permit
 * of its own for as long as it holds a connection.
 */
export async function sendWithRetry({
  route,
  outgoing,
  asking,
  places,
  lifetime: signal,
}: SendOptions): Promise<UpstreamAnswer> {
  const { note, received } = asking;
  const holders = holdersOf(asking);
  // A lookup of an unknown key waits until no other request waits.
  const yields = asking.isUnknownKey === true;
  const onLeft = (): void => places.release(holders);
  const isSafe = outgoing.method === "GET";
  let sent = 0;
  let target = route.trial();
  await places.take(signal, holders, yields);
  // Chosen after the wait: requests that queued before the failures then fail without adding to them.
  target ??= route.next();
  if (target === undefined) {
    onLeft();
    throw new GatewayError("upstream.open", { cause: OPEN_CAUSE });
  }
  for (;;) {
    let isSent = false;
    const onSending = (): void => {
      isSent = true;
      sent += 1;
    };
    note.upstreamRequests += 1;
    try {
      return await target.send({ outgoing, signal, received, onSending, onLeft });
    } catch (error) {
      if (signal.aborted || isAnswered(error) || (isSent && !(isSafe && sent < 2))) throw error;
      const other = route.next() ?? (isRetryable(error, outgoing.method) ? route.again() : undefined);
      if (other === undefined) throw error;
      target = other;
      await places.take(signal, holders, yields);
    }
  }
}

/**
 * Returns the holders of a connection: the user and, if it is known, the tenant. A user may belong to several
 * tenants, and a tenant may have several users. The lookup of a key has no holder.
 */
function holdersOf({ tenant, principal }: SendOptions["asking"]): Holders {
  const user = principal === undefined ? [] : [`user ${principal.userId}`];
  return tenant === undefined ? user : [...user, `tenant ${tenant.id}`];
}

/**
 * Returns the target with the fewest requests in flight, among the healthy ones. If checks fail for all, any
 * target with a closed breaker may be used, since checks that fail everywhere are likely at fault themselves.
 * `undefined` if every breaker is open.
 */
export function pick(targets: readonly Target[]): Target | undefined {
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) return only.breaker.isOpen ? undefined : only;
  const closed = targets.filter(({ breaker }) => !breaker.isOpen);
  const healthy = closed.filter(({ isFailing }) => !isFailing);
  return leastBusy(healthy.length > 0 ? healthy : closed);
}

/**
 * Returns the least busy target, or a random one of several. By their order, the first would get all traffic
 * of a quiet hour, and every first request.
 */
export function leastBusy(targets: readonly Target[]): Target | undefined {
  const least = Math.min(...targets.map(({ pending }) => pending));
  const equals = targets.filter(({ pending }) => pending === least);
  return equals[Math.floor(Math.random() * equals.length)];
}
