import type { Clock } from "../../core/clock.ts";
import { GatewayError } from "../../core/errors.ts";
import { CancellationSource, type Cancellation } from "../../core/async/cancellation.ts";
import type { LookupContext } from "../../core/ports.ts";
import type { UpstreamPool } from "./pool.ts";
import type { Target } from "./target.ts";

/**
 * What an operator wants to hear of a target: `silent`, the first probe failed, or its breaker opened; `answers`, that is
 * over; `out`, it gets no more requests; `back`, it does again.
 */
export type TargetNews =
  | { readonly what: "silent" | "out"; readonly cause: unknown }
  | { readonly what: "answers" | "back" };

/** How often the targets of an upstream are asked, and who hears of it. Milliseconds. */
export interface HealthOptions {
  readonly healthInterval: number;
  readonly healthTimeout: number;
  readonly clock: Clock;
  /** Asks one target whether it works; rejects where it does not. */
  readonly probe: (target: Target, asking: LookupContext) => Promise<void>;
  readonly onNews: (target: Target, news: TargetNews) => void;
}

/** What is known of an upstream from asking its targets. */
export interface UpstreamHealth {
  /** True from the first time that a target answered a probe. */
  readonly ready: boolean;
  /** Asks every target once; resolves when all have answered or failed to. */
  look(): Promise<void>;
  /**
   * Goes on asking. An only target is asked for as long as it is not well, so that its return is noticed without a
   * partner's request being the one to try it, and without any traffic; one of several always. Stop it by the
   * function returned.
   */
  keepLooking(): () => void;
}

const PROBE_MS = 1_000;
/** Failed checks in a row after which a target gets no more requests: one may be chance. */
const TO_FAIL = 2;

/** Watches the targets of `pool`. */
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
      if (failure !== undefined) this.#tell({ what: "silent", ...failure });
      // Before the first probe that succeeds any answer may be one that says that the CMS is not yet well.
      else if (this.hasAnswered) this.#tell({ what: "answers" });
    };
  }

  async look(): Promise<void> {
    const { probe, healthTimeout, clock, stopped } = this.#options;
    const patience = new CancellationSource();
    const leave = (): void => patience.abort(stopped.reason);
    stopped.addEventListener("abort", leave, { once: true });
    // An only target has no other to take its place: it gets the time that every request gets.
    const cancel = this.#isOnly
      ? undefined
      : clock.after(healthTimeout, () => patience.abort(new GatewayError("upstream.timeout")));
    const note = { stage: "probe", upstreamRequests: 0, upstreamMs: 0 };
    try {
      await probe(this.#target, { requestId: "probe", signal: patience, note });
      this.#succeeded();
    } catch (error) {
      if (!stopped.aborted) this.#failed(error);
    } finally {
      cancel?.();
      stopped.removeEventListener("abort", leave);
    }
  }

  keepLooking(): void {
    const { clock, healthInterval, stopped } = this.#options;
    if (stopped.aborted) return;
    const isWell = this.hasAnswered && this.#target.state === "ok";
    const wait = this.#isOnly || !isWell ? Math.min(PROBE_MS, healthInterval) : healthInterval;
    const again = (): void => {
      this.#cancel = clock.after(wait, () => this.keepLooking());
    };
    if (this.#isOnly && isWell) again();
    else void this.look().then(again);
  }

  stop(): void {
    this.#cancel?.();
  }

  get #isOnly(): boolean {
    return this.#options.pool.targets.length === 1;
  }

  #succeeded(): void {
    if (!this.hasAnswered && this.#failures > 0) this.#tell({ what: "answers" });
    this.hasAnswered = true;
    this.#failures = 0;
    if (!this.#target.isFailing) return;
    this.#target.isFailing = false;
    this.#tell({ what: "back" });
  }

  #failed(cause: unknown): void {
    this.#failures += 1;
    if (!this.hasAnswered && this.#failures === 1) this.#tell({ what: "silent", cause });
    if (this.#isOnly || this.#target.isFailing || this.#failures < TO_FAIL) return;
    this.#target.isFailing = true;
    this.#tell({ what: "out", cause });
    // Where nobody is well, who waits here is served as soon as anywhere, and had better not ask a second time.
    if (this.#options.pool.targets.some(canServe)) this.#target.abandonReads();
  }

  #tell(news: TargetNews): void {
    this.#options.onNews(this.#target, news);
  }
}

function canServe({ isFailing, breaker }: Target): boolean {
  return !isFailing && !breaker.isOpen;
}
