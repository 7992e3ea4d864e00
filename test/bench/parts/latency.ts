import { join } from "node:path";
import { keepAwake } from "../awake.ts";
import { inTurns, type Bench, type Part } from "../part.ts";
import { jsonFrom } from "../processes.ts";
import type { OpenLoop, OpenLoopResult } from "../programs/open-loop.ts";
import type { Table } from "../report.ts";
import type { Running } from "../start.ts";
import { spreadOf } from "../statistics.ts";
import { PARTNERS, PLAIN, subjectOf, UNIT } from "../subjects.ts";
import { AUTHORIZATION } from "../upstream.ts";
import { measure } from "../wrk.ts";

const PROGRAM = join(import.meta.dirname, "../programs/open-loop.ts");
const PATH = "gateway, partners";
const DIRECT = "direct, no proxy";
/** The load of the latency measurements, as a fraction of the partner path's saturation. */
const PART = 0.2;
/** Seconds of load before the first measurement. */
const WARM = 20;

/** Measures the latency that the gateway adds at a load that leaves it mostly idle. */
export const latency: Part = {
  name: "latency",
  async *run(bench) {
    const running = new Map<string, Pick<Running, "url" | "stop" | "pid">>();
    const { upstream } = bench;
    try {
      for (const name of [UNIT, PATH, "gateway, native"])
        running.set(name, await subjectOf(name).start(upstream));
      yield* tablesOf(running, bench);
    } finally {
      for (const one of running.values()) await one.stop();
    }
  },
};

type Places = ReadonlyMap<string, Pick<Running, "url" | "pid">>;

/** The behaviour of idle cores, for the tables. */
const CORES = {
  awake: "Idle cores are kept awake (PM QoS)",
  halting: "Idle cores halt, as is this machine's default",
};
type Cores = keyof typeof CORES;

async function* tablesOf(running: Places, { options, upstream, say }: Bench): AsyncIterable<Table> {
  const { rounds = 5, seconds = 5 } = options;
  const saturation = await saturationOf(running);
  const perSecond = Math.round(saturation * PART);
  const ports = new Map([
    [DIRECT, upstream.port],
    ...[...running].map(([n, { url }]) => [n, portOf(url)] as const),
  ]);
  const one = (name: string, port: number): Promise<OpenLoopResult> => {
    const isPartner = name === PATH;
    const paths = Array.from({ length: 1_000 }, (_, i) => (isPartner ? PARTNERS : PLAIN).document(i + 1));
    const headers = isPartner ? AUTHORIZATION : {};
    const argument: OpenLoop = { port, paths, headers, perSecond, seconds, warmup: 3 };
    return jsonFrom<OpenLoopResult>({ program: PROGRAM, argument });
  };
  const kinds = coresOf(say);
  const results = new Map(kinds.map((cores) => [cores, new Map<string, OpenLoopResult[]>()]));
  // Not counted: V8's threads are busy for some seconds when a full load becomes single requests.
  for (const [name, port] of ports) await one(name, port);
  for (let round = 0; round < rounds; round += 1)
    for (const [cores, found] of inTurns(results, round)) {
      const letGo = cores === "awake" ? keepAwake() : undefined;
      try {
        for (const [name, port] of ports)
          found.set(name, [...(found.get(name) ?? []), await one(name, port)]);
      } finally {
        letGo?.();
      }
    }
  for (const [cores, found] of results) {
    const direct = found.get(DIRECT) ?? [];
    yield {
      title: `latency at ${PART * 100} % of saturation, cores ${cores}`,
      notes: [
        `${perSecond} requests/s, sent whether or not answers come; the partner path's saturation in this run: ${Math.round(saturation)}/s. ${CORES[cores]}. Milliseconds; "added" is to the direct call of the same round; median of ${rounds} rounds of ${seconds} s [least-greatest].`,
      ],
      rows: [...found].map(([subject, list]) => rowOf(subject, list, direct)),
    };
  }
}

/** The settings of the cores that this process may measure. */
function coresOf(say: (line: string) => void): readonly Cores[] {
  const letGo = keepAwake();
  letGo?.();
  if (letGo !== undefined) return ["awake", "halting"];
  say("only root can keep the cores awake: latencies are measured with halting cores only");
  return ["halting"];
}

/**
 * Measures the saturation of the partner path. All subjects get the same load as warm-up. At a fifth of
 * saturation, V8 would need minutes to compile the hot code, and the first mark of the heap may discard most
 * of it again. Its compiler on the one core shows in the percentiles of a cold subject.
 */
async function saturationOf(running: Places): Promise<number> {
  const rates = new Map<string, number>();
  for (const [name, { url, pid }] of running) {
    const stretch = { origin: url, pid, connections: 64, script: subjectOf(name).scripts.document };
    await measure({ ...stretch, seconds: WARM });
    const samples = [];
    for (let i = 0; i < 3; i += 1) samples.push(await measure({ ...stretch, seconds: 2 }));
    rates.set(name, spreadOf(samples.map(({ perSecond }) => perSecond)).median);
  }
  const saturation = rates.get(PATH);
  if (saturation === undefined) throw new Error(`${PATH} does not run`);
  return saturation;
}

function rowOf(
  subject: string,
  results: readonly OpenLoopResult[],
  direct: readonly OpenLoopResult[],
): Table["rows"][number] {
  const of = (name: keyof OpenLoopResult) => spreadOf(results.map((result) => result[name]));
  const added = (name: keyof OpenLoopResult) =>
    spreadOf(results.map((result, round) => result[name] - (direct[round]?.[name] ?? Number.NaN)));
  return {
    subject,
    p50: of("p50"),
    p99: of("p99"),
    "p99.9": of("p999"),
    "p50 added": added("p50"),
    "p99 added": added("p99"),
    "p99.9 added": added("p999"),
    "generator late, p99": of("late"),
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
