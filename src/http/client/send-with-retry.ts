import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import type { Cancellation } from "../../core/async/cancellation.ts";
import type { LookupContext } from "../../core/ports.ts";
import { isAnswered, isWorthRepeating } from "./failure.ts";
import type { Holders, FairSemaphore } from "./fair-semaphore.ts";
import type { Target } from "./target.ts";

const OPEN = "the breaker is open";

/** The way of one request from target to target. */
export class Route {
  readonly #targets: readonly Target[];
  #tried: readonly Target[] = [];
  #isRepeated = false;

  constructor(targets: readonly Target[]) {
    this.#targets = targets;
  }

  /** Where no target may be asked but for a trial: the trial, which is then this request's to send. */
  trial(): Target | undefined {
    if (this.#targets.some(({ breaker }) => !breaker.isOpen)) return undefined;
    const trial = this.#targets.find(({ breaker }) => breaker.admits());
    if (trial === undefined) throw new GatewayError("upstream.open", { cause: OPEN });
    this.#tried = [trial];
    return trial;
  }

  /** A target that was not asked yet; `undefined` where none is left that may be. */
  next(): Target | undefined {
    const tried = this.#tried;
    const left = tried.length === 0 ? this.#targets : this.#targets.filter((one) => !tried.includes(one));
    const next = pick(left);
    if (next !== undefined) this.#tried = [...tried, next];
    return next;
  }

  /** One that was, once: for a connection that had gone stale, where there is no other target. */
  again(): Target | undefined {
    if (this.#isRepeated) return undefined;
    this.#isRepeated = true;
    return pick(this.#targets);
  }
}

/** One request, where it may go, and the places that it has to wait for. */
export interface SendOptions {
  readonly route: Route;
  readonly outgoing: Outgoing;
  readonly asking: Pick<LookupContext, "note" | "tenant" | "principal" | "isUnknownKey" | "received">;
  /** Ends when nobody waits any more, or the longest time is over. */
  readonly lifetime: Cancellation;
  readonly places: FairSemaphore;
}

/**
 * Sends a request, if need be to one target after another, where breakers and places allow it. Each sending takes a
 * place of its own, for as long as it holds a connection.
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
  // A question about an unknown key waits until no other request waits.
  const yields = asking.isUnknownKey === true;
  const onLeft = (): void => places.release(holders);
  const isSafe = outgoing.method === "GET";
  let sent = 0;
  let target = route.trial();
  await places.take(signal, holders, yields);
  // Chosen after the wait: those who queued before the failures hear of them instead of adding to them.
  target ??= route.next();
  if (target === undefined) {
    onLeft();
    throw new GatewayError("upstream.open", { cause: OPEN });
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
      const other = route.next() ?? (isWorthRepeating(error, outgoing.method) ? route.again() : undefined);
      if (other === undefined) throw error;
      target = other;
      await places.take(signal, holders, yields);
    }
  }
}

/**
 * On whose account a connection goes: the user's, who may belong to several tenants, and the tenant's once that is known,
 * which may have several users. Whose a key is, is asked on nobody's account.
 */
function holdersOf({ tenant, principal }: SendOptions["asking"]): Holders {
  const user = principal === undefined ? [] : [`user ${principal.userId}`];
  return tenant === undefined ? user : [...user, `tenant ${tenant.id}`];
}

/**
 * The one with the fewest requests under way: of those that are well; where checks say that none is, of those that still
 * answer, since checks that fail everywhere say more of the checks. `undefined` where no breaker lets anything through.
 */
export function pick(targets: readonly Target[]): Target | undefined {
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) return only.breaker.isOpen ? undefined : only;
  const closed = targets.filter(({ breaker }) => !breaker.isOpen);
  const well = closed.filter(({ isFailing }) => !isFailing);
  return leastBusy(well.length > 0 ? well : closed);
}

/** Of equals one at random: by their order the first would get all the traffic of a quiet hour, and every first request. */
export function leastBusy(targets: readonly Target[]): Target | undefined {
  const least = Math.min(...targets.map(({ pending }) => pending));
  const equals = targets.filter(({ pending }) => pending === least);
  return equals[Math.floor(Math.random() * equals.length)];
}
