import type { Upstream } from "../../core/ports.ts";
import { FairSemaphore } from "./fair-semaphore.ts";

/**
 * The same upstream for a kind of question that anybody can make the gateway ask: at most `places` at the same time, and
 * four times as many may wait. A flood of invented keys then fills its own lane, and those who are known keep out of it.
 */
export function bulkhead(upstream: Upstream, places: number): Upstream {
  const lane = new FairSemaphore({ places, queue: places * 4 });
  return {
    async send(outgoing, asking) {
      await lane.take(asking.signal);
      try {
        return await upstream.send(outgoing, asking);
      } finally {
        lane.release();
      }
    },
  };
}
