/** For so long at the most, in milliseconds, requests wait for connections to be taken. */
const PATIENCE = 10;

/**
 * Lets connections in before requests. Node takes one connection from the kernel's backlog in each turn of the event loop
 * (libuv 1.52.1, `uv__server_io`), and under load a turn carries out as many requests as there are connections: of some
 * hundred that come at once, as after a restart of whatever stands before the gateway, the last would wait for a second
 * while the first are served over and over. So requests wait, as long as each turn brings a connection.
 */
export class Backlog {
  readonly #now: () => number;
  #isOpen = false;
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
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#until = this.#now() + PATIENCE;
    setImmediate(this.#look);
  }

  /** Runs `task`, which must not throw: at once, or when the backlog is empty, in the order in which they came. */
  after(task: () => void): void {
    if (this.#isOpen) this.#waiting.push(task);
    else task();
  }

  readonly #look = (): void => {
    if (this.#isFresh && this.#now() < this.#until) {
      this.#isFresh = false;
      setImmediate(this.#look);
      return;
    }
    this.#isOpen = false;
    const tasks = this.#waiting;
    this.#waiting = [];
    for (const task of tasks) task();
  };
}
