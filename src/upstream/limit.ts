import type { Clock } from "../core/clock.ts";
import { GatewayError } from "../core/errors.ts";

/** `signal`, aborted as `upstream.timeout` after `ms` at the latest. Call `end` when it is over. */
export function limit(
  signal: AbortSignal,
  ms: number,
  clock: Clock,
): { signal: AbortSignal; end: () => void } {
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
