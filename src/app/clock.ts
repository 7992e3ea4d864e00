import type { Clock } from "../core/clock.ts";

/** The time since the process began, which no change of the system's clock moves. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/** The time of day in milliseconds, for what machines tell each other. */
export const wallTime = (): number => Date.now();
