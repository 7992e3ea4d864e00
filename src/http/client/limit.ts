import type { Clock } from "../../core/clock.ts";
import { GatewayError } from "../../core/errors.ts";
import { CancellationSource, type Cancellation } from "../../core/async/cancellation.ts";

/** `outer`, ended as `upstream.timeout` after `ms` at the latest. Call `end` when it is over. */
export function limit(
  outer: Cancellation,
  ms: number,
  clock: Clock,
): { lifetime: Cancellation; end: () => void } {
  const lifetime = new CancellationSource();
  const leave = (): void => lifetime.abort(outer.reason);
  const cancel = clock.after(ms, () =>
    lifetime.abort(new GatewayError("upstream.timeout", { cause: `no whole answer in ${ms} ms` })),
  );
  if (outer.aborted) leave();
  else outer.addEventListener("abort", leave, { once: true });
  return {
    lifetime,
    end: () => {
      cancel();
      outer.removeEventListener("abort", leave);
    },
  };
}
