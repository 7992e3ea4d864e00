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
/** The load under which latencies are taken, as a part of what the partner path can do. */
const PART = 0.2;
/** Seconds of load before anything is taken. */
const WARM = 20;

/** What the gateway adds to an answer's time at a load that leaves it idle most of the time. */
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

/** What cores do that have nothing to do, for the tables. */
const CORES = {
  awake: "The cores are kept awake when they are idle (PM QoS)",
  halting: "The cores halt when they are idle, as this machine's do of themselves",
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
  // Not counted: V8's threads are busy for some seconds when many at once become one by one.
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

/** What can be measured here. */
function coresOf(say: (line: string) => void): readonly Cores[] {
  const letGo = keepAwake();
  letGo?.();
  if (letGo !== undefined) return ["awake", "halting"];
  say("only root can keep the cores awake: latencies are taken with cores that halt alone");
  return ["halting"];
}

/**
 * What the partner path can do. All are loaded likewise, as if they had served for some minutes: at a fifth of saturation
 * V8 would take that long to compile what serves, and the first mark of the heap may throw most of that away once more.
 * Its compiler on the one core is seen in the percentiles of whoever is not warm.
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
