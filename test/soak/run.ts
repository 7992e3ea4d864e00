import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { startProgram, type Program } from "../support/program.ts";
import { Ledger } from "./ledger.ts";
import { Client } from "./traffic.ts";

const support = join(import.meta.dirname, "../support");

export interface SoakOptions {
  readonly seconds: number;
  /** The CMS is restarted so often, in turn by SIGTERM and by SIGKILL. */
  readonly restartEvery: number;
  readonly clients: number;
}

/** How the gateway's process was at one moment, its garbage collected. Bytes, milliseconds. */
export interface Gauge {
  readonly heap: number;
  readonly rss: number;
  readonly sockets: number;
  readonly timers: number;
  readonly p99: number;
}

/** What came of a soak. */
export interface SoakReport {
  readonly seconds: number;
  readonly restarts: number;
  readonly ledger: Ledger;
  /** From the end of the warm-up to the end of the traffic. */
  readonly gauges: readonly Gauge[];
  /** When all clients had gone. */
  readonly quiet: Gauge;
  /** Warnings of the process, such as of leaking listeners. */
  readonly warnings: string;
  readonly exitCode: number | null;
}

/** After a restart requests may fail for so long: connections under way, the breaker's next trial. */
const GRACE_MS = 4_000;
/** Each client rests as long as its last request took: about half of what the gateway could do for them. */
const DUTY = 1;

/** Runs the gateway's program in front of a real CMS that is restarted, under a mix of traffic, and reports. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const ledger = new Ledger();
  const gauges: Gauge[] = [];
  const cms = new RestartingCms();
  const port = await cms.start(0);
  const program = await startProgram(`http://127.0.0.1:${port}`, {
    preload: join(support, "gauge.ts"),
    settings: {
      partners: { collections: ["posts", "pages"] },
      upstream: { firstByteTimeout: "3s", idleTimeout: "3s" },
      cache: { keyTtl: "5s", tenantTtl: "5s" },
    },
    onLine: (line) => (line["msg"] === "gauge" ? gauges.push(gaugeOf(line)) : ledger.logged(line)),
  });
  try {
    const restarts = await traffic({ options, program, cms, ledger });
    await sleep(6_000); // what is kept alive towards the CMS closes after four
    program.signal("SIGUSR2");
    const before = gauges.length;
    for (let i = 0; i < 100 && gauges.length === before; i++) await sleep(50);
    program.signal("SIGTERM");
    const exitCode = await program.ended;
    const quiet = gauges.pop() ?? { heap: 0, rss: 0, sockets: 0, timers: 0, p99: 0 };
    return {
      seconds: options.seconds,
      restarts,
      ledger,
      gauges,
      quiet,
      warnings: program.output(),
      exitCode,
    };
  } finally {
    program.signal("SIGKILL");
    await cms.stop("SIGTERM");
  }
}

interface Field {
  readonly options: SoakOptions;
  readonly program: Program;
  readonly cms: RestartingCms;
  readonly ledger: Ledger;
}

async function traffic({ options, program, cms, ledger }: Field): Promise<number> {
  const end = performance.now() + options.seconds * 1_000;
  const isOver = (): boolean => performance.now() >= end;
  const clients = Array.from({ length: options.clients }, async (_, seed) => {
    const client = new Client(program.port, seed);
    while (!isOver()) {
      const begun = performance.now();
      const outcome = await client.next();
      ledger.answered(outcome, cms.wasDown(begun));
      await sleep((performance.now() - begun) * DUTY);
    }
    client.close();
  });
  const restarts = restart({ cms, every: options.restartEvery * 1_000, isOver });
  // The first tenth is warm-up: caches fill, code is compiled.
  const step = (options.seconds * 1_000) / 10;
  for (let i = 0; i < 9 && !isOver(); i++) {
    await sleep(step);
    program.signal("SIGUSR2");
  }
  await Promise.all(clients);
  return restarts;
}

async function restart(plan: { cms: RestartingCms; every: number; isOver: () => boolean }): Promise<number> {
  let count = 0;
  for (;;) {
    for (let waited = 0; waited < plan.every && !plan.isOver(); waited += 250) await sleep(250);
    if (plan.isOver()) return count;
    count += 1;
    await plan.cms.restart(count % 2 === 0 ? "SIGKILL" : "SIGTERM");
  }
}

/** The real CMS as a process that comes back on the same port. */
class RestartingCms {
  #child: ChildProcess | undefined;
  #port = 0;
  #downSince = Number.POSITIVE_INFINITY;
  #upSince = 0;

  async start(port: number): Promise<number> {
    const args = [join(support, "cms/main.ts"), "--port", String(port)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    process.once("exit", () => child.kill("SIGKILL"));
    this.#child = child;
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    const said: unknown = JSON.parse(String(line));
    if (typeof said !== "object" || said === null || !("port" in said)) throw new Error(String(line));
    this.#port = Number(said.port);
    this.#downSince = Number.POSITIVE_INFINITY;
    this.#upSince = performance.now();
    return this.#port;
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  async restart(signal: NodeJS.Signals): Promise<void> {
    this.#downSince = performance.now();
    await this.stop(signal);
    await this.start(this.#port);
  }

  /** True where a request that began then, and ends now, met an outage or the time right after one. */
  wasDown(begun: number): boolean {
    return performance.now() >= this.#downSince || begun < this.#upSince + GRACE_MS;
  }
}

function gaugeOf(line: Record<string, unknown>): Gauge {
  const { heap, rss, sockets, timers, p99 } = line;
  return {
    heap: Number(heap),
    rss: Number(rss),
    sockets: Number(sockets),
    timers: Number(timers),
    p99: Number(p99),
  };
}
