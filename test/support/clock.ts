import type { Clock } from "../../src/core/clock.ts";

/** A clock that stands still until the test moves it. */
export interface HandClock extends Clock {
  /** Advances time by `ms` and runs the tasks that fall due, in their order. */
  move(ms: number): void;
  /** How many tasks fall due within `ms`. */
  due(ms: number): number;
  /** How many tasks are pending. */
  readonly pending: number;
}

/** A clock at 0. */
export function handClock(): HandClock {
  let now = 0;
  const tasks = new Set<{ readonly at: number; readonly run: () => void }>();
  return {
    now: () => now,
    after(ms, run) {
      const task = { at: now + ms, run };
      tasks.add(task);
      return () => void tasks.delete(task);
    },
    move(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...tasks].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
        if (next === undefined) break;
        tasks.delete(next);
        now = next.at;
        next.run();
      }
      now = end;
    },
    due: (ms) => [...tasks].filter(({ at }) => at <= now + ms).length,
    get pending() {
      return tasks.size;
    },
  };
}
