import { Worker } from "node:worker_threads";
import { percentile } from "../statistics.ts";
import { Connection, getOf } from "./connection.ts";

/**
 * Sends requests at a fixed rate, independent of responses: a request never waits for another's response, but
 * uses another connection. So a server that pauses is charged with every request of the pause. wrk and h2load
 * do not do that: both send the next request on a connection only after a response, and h2load's clients all
 * send at the same moment. Argument: JSON as `OpenLoop`. Prints JSON as `OpenLoopResult`.
 */
export interface OpenLoop {
  readonly port: number;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly perSecond: number;
  readonly seconds: number;
  /** Seconds before the first counted request. */
  readonly warmup: number;
}

/** Milliseconds from a request's first byte to its response's last. */
export interface OpenLoopResult {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /**
   * The 99th percentile of the delay with which requests were sent: the generator's own fault, which no
   * figure above includes.
   */
  readonly late: number;
  readonly connections: number;
}

const asked: OpenLoop = JSON.parse(process.argv[2] ?? "{}");
const requests = asked.paths.map((path) => getOf(path, asked.headers));
/**
 * Node closes a connection after 5 s idle; one idle for nearly as long could meet the close. Milliseconds.
 */
const FRESH = 4_000;
const idle: { readonly one: Connection; readonly since: number }[] = [];
const times: number[] = [];
const lateness: number[] = [];
const interval = 1_000 / asked.perSecond;
/** Time for the thread below to start. Milliseconds. */
const begun = performance.now() + 200;
const counted = begun + asked.warmup * 1_000;
const count = Math.ceil((asked.warmup + asked.seconds) * asked.perSecond);
let [underWay, connections] = [0, 0];

function connection(): Connection {
  for (let found = idle.pop(); found !== undefined; found = idle.pop()) {
    if (found.one.isOpen && performance.now() - found.since < FRESH) return found.one;
    found.one.close();
  }
  connections += 1;
  return new Connection(asked.port);
}

async function send(number: number): Promise<void> {
  const due = begun + number * interval;
  const free = connection();
  const at = performance.now();
  underWay += 1;
  const status = await free.ask(requests[number % requests.length] ?? "");
  const took = performance.now() - at;
  underWay -= 1;
  if (status !== 200) throw new Error(`answered ${status}`);
  idle.push({ one: free, since: at + took });
  if (due < counted) return;
  times.push(took);
  lateness.push(at - due);
}

/**
 * A thread that signals when each request is due. An event loop's timers have a resolution of a millisecond:
 * with them, requests would be sent in groups of two or three, and each would be charged for the previous
 * ones.
 */
const PACER = `
  const { parentPort, workerData: { begun, interval, count } } = require("node:worker_threads");
  const still = new Int32Array(new SharedArrayBuffer(4));
  const left = (number) => begun + number * interval - performance.timeOrigin - performance.now();
  for (let number = 0; number < count; number += 1) {
    for (let wait = left(number); wait > 0; wait = left(number)) Atomics.wait(still, 0, 0, wait);
    parentPort.postMessage(number);
  }`;

/** Ends when every response has arrived. */
function settle(): void {
  if (underWay > 0) setTimeout(settle, 10);
  else finish();
}

function finish(): void {
  const sorted = Float64Array.from(times).toSorted();
  const result: OpenLoopResult = {
    count: sorted.length,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    p999: percentile(sorted, 0.999),
    max: percentile(sorted, 1),
    late: percentile(Float64Array.from(lateness).toSorted(), 0.99),
    connections,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  for (const { one } of idle) one.close();
}

const workerData = { begun: performance.timeOrigin + begun, interval, count };
new Worker(PACER, { eval: true, workerData })
  .on("message", (number: number) => void send(number))
  .once("exit", settle);
