import cluster, { type Worker } from "node:cluster";
import { withTimeout } from "../../cache/with-timeout.ts";
import type { Clock } from "../../core/clock.ts";
import { isObject } from "../../core/json.ts";
import { Calls } from "./calls.ts";
import type { PrimarySide, WorkerSide } from "./sides.ts";
import type { Watched } from "./watch.ts";

// Else a `Uint32Array` or a `Map` would arrive as something else.
cluster.setupPrimary({ serialization: "advanced" });
// Whoever hangs would not notice that its primary has ended.
process.on("exit", () => {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
});

/** A worker's process, as the primary sees it. */
export class Hand implements Watched {
  readonly number: number;
  readonly calls: Calls<WorkerSide>;
  /** Resolves when the process has ended, with its exit code or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** True once it knows what to do: from then on it may remember something, and has to be told what to forget. */
  hasBegun = false;
  /** True once it serves. */
  isOpen = false;
  /** True from a question that it did not answer in time to the next word of it. */
  isSilent = false;
  looks = 0;
  readonly #worker: Worker;

  /** Starts one; `side` answers what it asks. */
  constructor(number: number, side: (hand: Hand) => PrimarySide) {
    this.number = number;
    this.#worker = cluster.fork();
    this.calls = new Calls(
      // A worker that has just ended does not take it; that it has is told by its end.
      (message) => void (this.#worker.isConnected() && this.#worker.send(message, () => undefined)),
      side(this),
    );
    this.#worker.on("message", (message: unknown) => {
      this.isSilent = false;
      this.looks = 0;
      this.calls.receive(message);
    });
    closeWhatIsLost(this.#worker);
    this.ended = new Promise<number | string>((resolve) => {
      this.#worker.once("exit", (code, signal) => resolve(signal ?? code));
      // Where the system has no process for it there is no exit; any other error is a line that breaks at the end.
      this.#worker.on("error", () => void (this.#worker.process.pid === undefined && resolve("not started")));
    }).finally(() => this.calls.end());
  }

  /** What it is `asked`, unless its answer takes longer than `ms`: then a rejection, and it counts as silent. */
  async inTime<T>(asked: Promise<T>, ms: number, clock: Clock): Promise<T> {
    let isAnswered = false;
    const answered = (): void => void (isAnswered = true);
    asked.then(answered, answered);
    try {
      return await withTimeout(asked, ms, clock);
    } catch (error) {
      if (!isAnswered) this.isSilent = true;
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  prod(): void {
    this.calls.ask("health").catch(() => undefined);
  }

  kill(signal: NodeJS.Signals): void {
    this.#worker.process.kill(signal);
  }
}

/**
 * Closes the connection that was on its way to a worker when that ended. Node hands one at a time to each and waits for
 * its word; where that never comes, Node (24.21, `round_robin_handle.js`) keeps the connection open, and a client waits
 * for ever for an answer that nobody will give.
 */
function closeWhatIsLost({ process }: Worker): void {
  let onItsWay: { close(): void } | undefined;
  const send = process.send.bind(process);
  process.send = (message: object, ...rest: readonly unknown[]): boolean => {
    const [handle] = rest;
    if (isClosable(handle)) onItsWay = handle;
    return Reflect.apply(send, process, [message, ...rest]);
  };
  process.on("internalMessage", (message: unknown) => {
    if (isObject(message) && message["ack"] !== undefined) onItsWay = undefined;
  });
  // Not at `disconnect`, which never comes where a connection was on its way.
  process.once("exit", () => onItsWay?.close());
}

function isClosable(handle: unknown): handle is { close(): void } {
  return isObject(handle) && typeof handle["close"] === "function";
}
