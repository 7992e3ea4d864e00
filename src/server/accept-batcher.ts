/** For so long at the most, in milliseconds, requests wait for connections to be taken. */
const PATIENCE = 10;

/**
 * Requests that have been read and not begun. They begin together, when a turn of the event loop has done its reading:
 * their stages then take turns, which costs less than to carry out each as it comes (see `core/async/end-of-tick.ts`).
 *
 * Connections come before them. Node takes one connection from the kernel's backlog in each turn (libuv 1.52.1,
 * `uv__server_io`), and under load a turn carries out as many requests as there are connections: of some hundred that
 * come at once, as after a restart of whatever stands before the gateway, the last would wait for a second while the
 * first are served over and over. So requests wait on, as long as each turn brings a connection.
 */
export class AcceptBatcher {
  readonly #now: () => number;
  #isWatching = false;
  #isFresh = false;
  #until = 0;
  #waiting: (() => void)[] = [];

  /** `now` tells milliseconds that never go back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A connection was taken. */
  taken(): void {
    this.#isFresh = true;
    this.#watch();
  }

  /** Runs `task`, which must not throw, at the end of this turn or of the first that brings no connection, in order. */
  add(task: () => void): void {
    this.#waiting.push(task);
    this.#watch();
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#until = this.#now() + PATIENCE;
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    const wasFresh = this.#isFresh;
    this.#isFresh = false;
    if (wasFresh && this.#now() < this.#until) {
      setImmediate(this.#look);
      return;
    }
    this.#isWatching = false;
    const tasks = this.#waiting;
    this.#waiting = [];
    for (const task of tasks) task();
  };
}
