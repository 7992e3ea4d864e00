type Task = () => void;

/**
 * What can be done at the end of a turn of the event loop, in the order in which it is:
 * - `write`: answers go out to clients. Between two writes nothing is computed, so that whoever reads the first is still
 *   awake for the next: waking a process for each of them is most of what a write costs;
 * - `hear`: answers of the CMS go to who waits for them. Their stages then take turns (a promise's reactions run in the
 *   order in which they were due), so that the code of each stage runs for all of them while the processor has it at
 *   hand;
 * - `report`: log, metrics and status are told of what went out before.
 */
interface Waiting {
  readonly write: Task[];
  readonly hear: Task[];
  readonly report: Task[];
}

const nothing = (): Waiting => ({ write: [], hear: [], report: [] });
let waiting = nothing();
let isPlanned = false;

/**
 * Runs `task`, which should not throw, when this turn of the event loop has done its reading, together with the others
 * of its kind. One request alone does not wait; under load each costs less (docs/performance.md, "In a row").
 */
export function scheduleEndOfTick(kind: keyof Waiting, task: Task): void {
  waiting[kind].push(task);
  if (isPlanned) return;
  isPlanned = true;
  setImmediate(flushTick);
}

/** Does at once what waits, for one that may not: everything, lest that one is reported after its client has gone on. */
export function flushTick(): void {
  const { write, hear, report } = waiting;
  waiting = nothing();
  isPlanned = false;
  for (const tasks of [write, hear, report]) for (const task of tasks) run(task);
}

/** One that throws is a fault, to be dealt with as one; and no reason to leave the others waiting. */
function run(task: Task): void {
  try {
    task();
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
