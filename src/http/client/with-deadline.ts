import type { Clock } from "../../core/clock.ts";
import { GatewayError } from "../../core/errors.ts";
import { CancellationSource, type Cancellation } from "../../core/async/cancellation.ts";

/**
 * Derives a cancellation from `outer` that also aborts as `upstream.timeout` after `ms`. Call `end` when the
 * work is done.
 */
export function withDeadline(
  outer: Cancellation,
  ms: number,
  clock: Clock,
): { lifetime: Cancellation; end: () => void } {
  const lifetime = new CancellationSource();
  const abort = (): void => lifetime.abort(outer.reason);
  const cancel = clock.after(ms, () =>
    lifetime.abort(new GatewayError("upstream.timeout", { cause: `no whole answer in ${ms} ms` })),
  );
  if (outer.aborted) abort();
  else outer.addEventListener("abort", abort, { once: true });
  return {
    lifetime,
    end: () => {
      cancel();
      outer.removeEventListener("abort", abort);
    },
  };
}
