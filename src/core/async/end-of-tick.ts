type Task = () => void;

/**
 * The queues of tasks for the end of an event-loop iteration, in the order in which they run:
 * - `write`: writes answers to clients. No computation runs between two writes, so that the reading process
 *   is still awake for the second one; waking a process is most of the cost of a write.
 * - `hear`: delivers answers of the CMS to the waiting requests. Promise reactions run in the order in which
 *   they were queued, so each stage runs for all requests in turn while its code is in the processor's cache.
 * - `report`: updates log, metrics and status.
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
 * Runs `task`, which should not throw, after the reads of this event-loop iteration, together with the other
 * tasks of its kind. A single request is not delayed; under load, each request costs less
 * (docs/performance.md).
 */
export function scheduleEndOfTick(kind: keyof Waiting, task: Task): void {
  waiting[kind].push(task);
  if (isPlanned) return;
  isPlanned = true;
  setImmediate(flushTick);
}

/**
 * Runs all queued tasks at once, for a write that cannot wait. It runs every kind, so that the report of that
 * request does not come after its client's next step.
 */
export function flushTick(): void {
  const { write, hear, report } = waiting;
  waiting = nothing();
  isPlanned = false;
  for (const tasks of [write, hear, report]) for (const task of tasks) run(task);
}

/** Runs one task. If it throws, the error becomes an uncaught exception, and the other tasks still run. */
function run(task: Task): void {
  try {
    task();
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
