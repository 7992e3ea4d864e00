import type { Clock } from "../../core/clock.ts";
import { GatewayError } from "../../core/errors.ts";
import { CancellationSource, type Cancellation } from "../../core/async/cancellation.ts";
import type { LookupContext } from "../../core/ports.ts";
import type { UpstreamPool } from "./pool.ts";
import type { Target } from "./target.ts";

/**
 * A change of a target's state. `silent`: the first probe failed, or the breaker opened. `answers`: that has
 * ended. `out`: the target gets no more requests. `back`: it gets requests again.
 */
export type TargetNews =
  | { readonly what: "silent" | "out"; readonly cause: unknown }
  | { readonly what: "answers" | "back" };

/** The settings of the health checks. Times in milliseconds. */
export interface HealthOptions {
  readonly healthInterval: number;
  readonly healthTimeout: number;
  readonly clock: Clock;
  /** Probes one target; rejects if the target does not work. */
  readonly probe: (target: Target, asking: LookupContext) => Promise<void>;
  readonly onNews: (target: Target, news: TargetNews) => void;
}

/** The health of an upstream, by probes of its targets. */
export interface UpstreamHealth {
  /** True after the first successful probe of any target. */
  readonly ready: boolean;
  /** Probes every target once; resolves when all probes have ended. */
  look(): Promise<void>;
  /**
   * Starts the periodic probes and returns a function that stops them. Several targets are probed all the
   * time. A single target is probed only while it is not healthy. So its recovery is detected without
   * traffic, and no partner's request has to be the trial.
   */
  keepLooking(): () => void;
}

const PROBE_MS = 1_000;
/**
 * The consecutive failed checks after which a target gets no more requests. A single failure can be chance.
 */
const MAX_FAILURES = 2;

/** Creates the health checks for the targets of `pool`. */
export function watchTargets(pool: UpstreamPool, options: HealthOptions): UpstreamHealth {
  const stopped = new CancellationSource();
  const checks = pool.targets.map((target) => new Check(target, { ...options, pool, stopped }));
  return {
    get ready() {
      return checks.some(({ hasAnswered }) => hasAnswered);
    },
    async look() {
      await Promise.all(checks.map((check) => check.look()));
    },
    keepLooking() {
      for (const check of checks) check.keepLooking();
      return () => {
        for (const check of checks) check.stop();
        stopped.abort(new GatewayError("upstream.timeout", { cause: "nobody watches any more" }));
      };
    },
  };
}

interface CheckOptions extends HealthOptions {
  readonly pool: UpstreamPool;
  readonly stopped: Cancellation;
}

/** The checks of one target. */
class Check {
  hasAnswered = false;
  readonly #target: Target;
  readonly #options: CheckOptions;
  #failures = 0;
  #cancel: (() => void) | undefined;

  constructor(target: Target, options: CheckOptions) {
    this.#target = target;
    this.#options = options;
    target.onBreaker = (failure) => {
      if (failure !== undefined) this.#report({ what: "silent", ...failure });
      // Before the first successful probe, an answer may be an error of a CMS that is still starting.
      else if (this.hasAnswered) this.#report({ what: "answers" });
    };
  }

  async look(): Promise<void> {
    const { probe, healthTimeout, clock, stopped } = this.#options;
    const timeout = new CancellationSource();
    const abort = (): void => timeout.abort(stopped.reason);
    stopped.addEventListener("abort", abort, { once: true });
    // A single target cannot be replaced, so that its probe may take as long as a request.
    const cancel = this.#isOnly
      ? undefined
      : clock.after(healthTimeout, () => timeout.abort(new GatewayError("upstream.timeout")));
    const note = { stage: "probe", upstreamRequests: 0, upstreamMs: 0 };
    try {
      await probe(this.#target, { requestId: "probe", signal: timeout, note });
      this.#succeeded();
    } catch (error) {
      if (!stopped.aborted) this.#failed(error);
    } finally {
      cancel?.();
      stopped.removeEventListener("abort", abort);
    }
  }

  keepLooking(): void {
    const { clock, healthInterval, stopped } = this.#options;
    if (stopped.aborted) return;
    const isHealthy = this.hasAnswered && this.#target.state === "ok";
    const wait = this.#isOnly || !isHealthy ? Math.min(PROBE_MS, healthInterval) : healthInterval;
    const again = (): void => {
      this.#cancel = clock.after(wait, () => this.keepLooking());
    };
    if (this.#isOnly && isHealthy) again();
    else void this.look().then(again);
  }

  stop(): void {
    this.#cancel?.();
  }

  get #isOnly(): boolean {
    return this.#options.pool.targets.length === 1;
  }

  #succeeded(): void {
    if (!this.hasAnswered && this.#failures > 0) this.#report({ what: "answers" });
    this.hasAnswered = true;
    this.#failures = 0;
    if (!this.#target.isFailing) return;
    this.#target.isFailing = false;
    this.#report({ what: "back" });
  }

  #failed(cause: unknown): void {
    this.#failures += 1;
    if (!this.hasAnswered && this.#failures === 1) this.#report({ what: "silent", cause });
    if (this.#isOnly || this.#target.isFailing || this.#failures < MAX_FAILURES) return;
    this.#target.isFailing = true;
    this.#report({ what: "out", cause });
    // If every target is down, the request waits for the current one; retrying another would not be faster.
    if (this.#options.pool.targets.some(canServe)) this.#target.abandonReads();
  }

  #report(news: TargetNews): void {
    this.#options.onNews(this.#target, news);
  }
}

function canServe({ isFailing, breaker }: Target): boolean {
  return !isFailing && !breaker.isOpen;
}
