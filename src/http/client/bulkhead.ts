import type { Upstream } from "../../core/ports.ts";
import { FairSemaphore } from "./fair-semaphore.ts";

/**
 * Limits the requests to an upstream that clients without a valid key can cause: at most `places` in flight,
 * and four times as many waiting. A flood of invented keys then fills this bulkhead and leaves the upstream's
 * other connections free.
 */
export function bulkhead(upstream: Upstream, places: number): Upstream {
  const semaphore = new FairSemaphore({ places, queue: places * 4 });
  return {
    async send(outgoing, asking) {
      await semaphore.take(asking.signal);
      try {
        return await upstream.send(outgoing, asking);
      } finally {
        semaphore.release();
      }
    },
  };
}
