import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Program } from "../support/program.ts";
import { until } from "../support/until.ts";
import { openField, type Field } from "./field.ts";
import type { Ledger } from "./ledger.ts";
import { Client } from "./traffic.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** The interval between restarts of CMS and Redis, in seconds. */
  readonly restartEvery: number;
  readonly clients: number;
  /** How often the process is measured in all. */
  readonly samples: number;
}

/** The gateway's process at one moment, after a garbage collection: see `test/support/gauge.ts`. */
export interface Gauge {
  readonly heap: number;
  readonly pages: number;
  readonly malloc: number;
  readonly rss: number;
  readonly sockets: number;
  readonly timers: number;
  readonly resources: number;
  readonly p99: number;
}

/** The result of a soak. */
export interface SoakReport {
  readonly seconds: number;
  readonly cmsRestarts: number;
  readonly redisRestarts: number;
  readonly ledger: Ledger;
  /** From the end of the warm-up to the end of the traffic. */
  readonly gauges: readonly Gauge[];
  /** The gauge after all clients have disconnected. */
  readonly quiet: Gauge;
  /** Warnings of the process, such as of leaking listeners. */
  readonly warnings: string;
  readonly exitCode: number | null;
}

/** Each client pauses as long as its last request took: about half of the gateway's capacity for them. */
const DUTY = 1;

/**
 * Runs the gateway's program under a mix of traffic, in front of a real CMS and a real Redis that are
 * restarted.
 */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const gauges: Gauge[] = [];
  const preload = join(import.meta.dirname, "../support/gauge.ts");
  const onLine = (line: Record<string, unknown>) => void gauges.push(gaugeOf(line));
  const field = await openField({ bodyPause: "1s", gauge: { preload, onLine } });
  const { program, backends, ledger } = field;
  try {
    await traffic(options, field);
    await sleep(6_000); // idle connections to the CMS close after four
    await measured(program, gauges);
    program.signal("SIGTERM");
    const exitCode = await program.ended;
    const quiet = gauges.pop() ?? gaugeOf({});
    return {
      seconds: options.seconds,
      cmsRestarts: backends.cmsRestarts,
      redisRestarts: backends.redisRestarts,
      ledger,
      gauges,
      quiet,
      warnings: program.output(),
      exitCode,
    };
  } finally {
    await field.close();
  }
}

async function traffic(options: SoakOptions, { program, backends, ledger }: Field): Promise<void> {
  const { cms } = backends;
  const end = performance.now() + options.seconds * 1_000;
  const isOver = (): boolean => performance.now() >= end;
  const clients = Array.from({ length: options.clients }, async (_, seed) => {
    const client = new Client(program.port, seed);
    while (!isOver()) {
      const begun = performance.now();
      const outcome = await client.next({ session: cms.session, stalls: true });
      ledger.answered(outcome, cms.wasDown(begun));
      await sleep((performance.now() - begun) * DUTY);
    }
    client.close();
  });
  const restarts = backends.restart(options.restartEvery * 1_000, {
    isOver,
    adminUrl: program.adminUrl,
  });
  // The first interval is warm-up: caches fill, code is compiled.
  const step = (options.seconds * 1_000) / (options.samples + 1);
  for (let i = 0; i < options.samples && !isOver(); i++) {
    await sleep(step);
    program.signal("SIGUSR2");
  }
  await Promise.all([...clients, restarts]);
}

async function measured(program: Program, gauges: readonly Gauge[]): Promise<void> {
  const before = gauges.length;
  program.signal("SIGUSR2");
  await until("a gauge", () => gauges.length > before);
}

function gaugeOf(line: Record<string, unknown>): Gauge {
  const of = (name: keyof Gauge): number => Number(line[name]);
  return {
    heap: of("heap"),
    pages: of("pages"),
    malloc: of("malloc"),
    rss: of("rss"),
    sockets: of("sockets"),
    timers: of("timers"),
    resources: of("resources"),
    p99: of("p99"),
  };
}
