import { percentile } from "../statistics.ts";
import { Connection, getOf } from "./connection.ts";

/**
 * Asks at a fixed rate, whether or not answers come: a request waits for no other's answer, but goes on another
 * connection. So a server that stops for a while is charged with every request of that while, which neither wrk nor
 * h2load does (both send the next request on a connection only when the last was answered; and h2load's clients all
 * fire at the same moment). Argument: JSON as `OpenLoop`. Prints JSON as `OpenLoopResult`.
 */
export interface OpenLoop {
  readonly port: number;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly perSecond: number;
  readonly seconds: number;
  /** Seconds before anything counts. */
  readonly warmup: number;
}

/** Milliseconds from a request's first byte to its answer's last. */
export interface OpenLoopResult {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** The 99th percentile of how late requests were sent: the generator's own fault, which is in no figure above. */
  readonly late: number;
  readonly connections: number;
}

const asked: OpenLoop = JSON.parse(process.argv[2] ?? "{}");
const requests = asked.paths.map((path) => getOf(path, asked.headers));
/** Node closes what lies idle for 5 s; what has nearly lain so long would meet a closing server. Milliseconds. */
const FRESH = 4_000;
const idle: { readonly one: Connection; readonly since: number }[] = [];
const times: number[] = [];
const lateness: number[] = [];
const interval = 1_000 / asked.perSecond;
const begun = performance.now();
const counted = begun + asked.warmup * 1_000;
const end = counted + asked.seconds * 1_000;
let [sent, underWay, connections] = [0, 0, 0];

function connection(): Connection {
  for (let found = idle.pop(); found !== undefined; found = idle.pop()) {
    if (found.one.isOpen && performance.now() - found.since < FRESH) return found.one;
    found.one.close();
  }
  connections += 1;
  return new Connection(asked.port);
}

async function send(due: number): Promise<void> {
  const free = connection();
  const at = performance.now();
  underWay += 1;
  const status = await free.ask(requests[sent % requests.length] ?? "");
  const took = performance.now() - at;
  underWay -= 1;
  if (status !== 200) throw new Error(`answered ${status}`);
  idle.push({ one: free, since: at + took });
  if (due < counted) return;
  times.push(took);
  lateness.push(at - due);
}

/** Sends what is due. Timers come to the millisecond, so a few requests may be due at once, for every subject alike. */
function tick(): void {
  for (
    let due = begun + sent * interval;
    due <= performance.now() && due < end;
    due = begun + sent * interval
  ) {
    void send(due);
    sent += 1;
  }
  if (begun + sent * interval < end) setTimeout(tick, 1);
  else if (underWay > 0) setTimeout(() => tick(), 10);
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

tick();
