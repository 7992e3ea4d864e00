/** The longest that requests wait for connections to be accepted, in milliseconds. */
const MAX_WAIT_MS = 10;

/**
 * Delays requests that have been read, until the event loop has read everything that is ready in this turn.
 * Their stages then run in batches, which costs less than one request after another (see
 * `core/async/end-of-tick.ts`).
 *
 * New connections are accepted before the requests start. Node accepts one connection per turn (libuv 1.52.1,
 * `uv__server_io`), and under load a turn processes as many requests as there are connections. After a
 * restart of the load balancer, hundreds of clients connect at once. The last one would wait for a second
 * while the first ones are served repeatedly. So requests wait as long as each turn accepts a connection.
 */
export class AcceptBatcher {
  readonly #now: () => number;
  #isScheduled = false;
  #isFresh = false;
  #until = 0;
  #waiting: (() => void)[] = [];

  /** Creates a batcher. `now` returns monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Records that a connection was accepted. */
  taken(): void {
    this.#isFresh = true;
    this.#schedule();
  }

  /**
   * Runs `task` at the end of this turn, or of the first turn that accepts no connection. Tasks run in order
   * and must not throw.
   */
  add(task: () => void): void {
    this.#waiting.push(task);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#until = this.#now() + MAX_WAIT_MS;
    setImmediate(this.#check);
  }

  readonly #check = (): void => {
    const wasFresh = this.#isFresh;
    this.#isFresh = false;
    if (wasFresh && this.#now() < this.#until) {
      setImmediate(this.#check);
      return;
    }
    this.#isScheduled = false;
    const tasks = this.#waiting;
    this.#waiting = [];
    for (const task of tasks) task();
  };
}
