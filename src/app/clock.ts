import type { Clock } from "../core/clock.ts";

/** A beginning that all processes of a machine share: what they count in slots of time can be added up. */
const ORIGIN = performance.timeOrigin;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => ORIGIN + performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/** The time of day in milliseconds, for what machines tell each other. */
export const wallTime = (): number => Date.now();
