let waiting: (() => void)[] = [];

/**
 * Runs `task`, which should not throw, when this turn of the event loop has done its reading. What is written to sockets
 * then goes out in one go: between two writes nothing is computed, and whoever reads the first is still awake for the
 * next. Waking a process for each of them is most of what a write costs.
 */
export function atTurnsEnd(task: () => void): void {
  if (waiting.push(task) === 1) setImmediate(runAll);
}

function runAll(): void {
  const tasks = waiting;
  waiting = [];
  for (const task of tasks) {
    try {
      task();
    } catch (thrown) {
      // A fault, to be dealt with as one; and no reason to leave the others waiting.
      queueMicrotask(() => {
        throw thrown;
      });
    }
  }
}
