import type { Clock } from "../core/clock.ts";
import { GatewayError } from "../core/errors.ts";
import type { Cms, Upstream } from "../core/ports.ts";
import type { UpstreamPool } from "./pool.ts";

/** How the CMS is doing: `degraded`, the last request got no answer; `down`, so many did that few are sent. */
export type CmsState = "unknown" | "ok" | "degraded" | "down";

/** What is known of the CMS from what comes back from it. */
export interface CmsHealth {
  /** The CMS, watched. */
  readonly upstream: Upstream;
  readonly state: CmsState;
  /** True from the first time that the CMS answered a probe. */
  readonly ready: boolean;
  /**
   * Asks every `PROBE_MS` for as long as the CMS is not `ok`, so that its return is noticed without a partner's request
   * being the one to try it, and without any traffic. Stop it by the function returned.
   */
  keepProbing(cms: Pick<Cms, "probe">): () => void;
}

const PROBE_MS = 1_000;
const SILENCE: ReadonlySet<string> = new Set(["upstream.unreachable", "upstream.timeout", "upstream.open"]);

/** Watches `pool`. */
export function watchCms(pool: UpstreamPool, clock: Clock): CmsHealth {
  let last: CmsState = "unknown";
  let ready = false;
  const upstream: Upstream = {
    async send(outgoing, asking) {
      try {
        const answer = await pool.send(outgoing, asking);
        last = "ok";
        return answer;
      } catch (error) {
        // Not for a caller that left, nor for a full queue: those tell of clients.
        const isSilent = error instanceof GatewayError && SILENCE.has(error.code);
        if (isSilent && !asking.signal.aborted) last = "degraded";
        throw error;
      }
    },
  };
  return {
    upstream,
    get state() {
      return pool.isOpen ? "down" : last;
    },
    get ready() {
      return ready;
    },
    keepProbing(cms) {
      const controller = new AbortController();
      let cancel: (() => void) | undefined;
      const later = (): void => {
        if (!controller.signal.aborted) cancel = clock.after(PROBE_MS, look);
      };
      const look = (): void => {
        if (ready && last === "ok") return later();
        const note = { stage: "probe", upstreamRequests: 0, upstreamMs: 0 };
        const answered = (): void => {
          ready = true;
          later();
        };
        void cms.probe({ requestId: "probe", signal: controller.signal, note }).then(answered, later);
      };
      look();
      return () => {
        cancel?.();
        controller.abort(new GatewayError("gateway.draining"));
      };
    },
  };
}
