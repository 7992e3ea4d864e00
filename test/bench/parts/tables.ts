import type { Bench, Load, Part } from "../part.ts";
import type { Table } from "../report.ts";
import type { Running } from "../start.ts";
import { spreadOf } from "../statistics.ts";
import { SUBJECTS, UNIT, type Subject } from "../subjects.ts";
import { measure, type Sample } from "../wrk.ts";

type Subjects = ReadonlyMap<Subject, Running>;
/**
 * Seconds of load before each counted measurement. A subject idles while all others are measured, and V8 then
 * takes memory back. Without this load, only the unit, which is measured before each of the others, would be
 * warm.
 */
const SETTLING = 1;

type Pair = { readonly of: Sample; readonly unit: Sample };

/** Measures the throughput of the gateway and its peers under full load, as ratios to http-proxy-3. */
export const tables: Part = {
  name: "tables",
  async *run(bench) {
    const running = new Map<Subject, Running>();
    try {
      for (const subject of wanted(bench)) running.set(subject, await subject.start(bench.upstream));
      for (const load of bench.options.loads) {
        await warm(running, load, bench.options.warmup);
        for (const connections of bench.options.connections)
          yield await tableOf(running, { load, connections }, bench);
      }
    } finally {
      for (const subject of running.values()) await subject.stop();
    }
  },
};

function wanted({ options, present }: Bench): Subject[] {
  const isNamed = ({ name }: Subject): boolean =>
    options.only.length === 0 || name === UNIT || options.only.some((word) => name.includes(word));
  return SUBJECTS.filter(
    (subject) => isNamed(subject) && (subject.needs === undefined || present.has(subject.needs)),
  );
}

async function warm(running: Subjects, load: Load, seconds: number): Promise<void> {
  for (const [{ scripts }, { url, pid }] of running)
    await measure({ origin: url, script: scripts[load], connections: 64, seconds, pid });
}

/**
 * Measures all subjects in turn, round after round, each directly after the unit: on a shared machine, only
 * adjacent measurements can be compared.
 */
async function tableOf(
  running: Subjects,
  { load, connections }: { load: Load; connections: number },
  { options }: Bench,
): Promise<Table> {
  const { rounds = 3, seconds = 2 } = options;
  const one = async ([{ scripts }, { url, pid }]: readonly [Subject, Running]): Promise<Sample> => {
    const stretch = { origin: url, script: scripts[load], connections, pid };
    await measure({ ...stretch, seconds: SETTLING });
    return measure({ ...stretch, seconds });
  };
  const [unit, ...others] = running;
  if (unit?.[0].name !== UNIT) throw new Error(`${UNIT} does not run`);
  const pairs = new Map<string, Pair[]>(others.map(([{ name }]) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const other of others) {
      const beside = await one(unit);
      pairs.get(other[0].name)?.push({ unit: beside, of: await one(other) });
    }
  }
  const own = [...pairs.values()].flat().map((pair) => ({ unit: pair.unit, of: pair.unit }));
  return {
    title: `${load}, ${connections} connections`,
    notes: [
      `Ratios to ${UNIT}, measured just before; median of ${rounds} rounds of ${seconds} s [least-greatest].`,
    ],
    rows: [[UNIT, own] as const, ...pairs].map(([name, list]) => rowOf(name, list)),
  };
}

function rowOf(subject: string, pairs: readonly Pair[]): Table["rows"][number] {
  const ratio = (of: (sample: Sample) => number) =>
    spreadOf(pairs.map((pair) => of(pair.of) / of(pair.unit)));
  const middle = (of: (sample: Sample) => number) => spreadOf(pairs.map((pair) => of(pair.of))).median;
  return {
    subject,
    "requests per CPU second": ratio(({ perCpuSecond }) => perCpuSecond),
    "requests per second": ratio(({ perSecond }) => perSecond),
    p99: ratio(({ p99 }) => p99),
    "µs CPU": middle(({ perCpuSecond }) => 1e6 / perCpuSecond),
    "p50 ms": middle(({ p50 }) => p50),
    "p99 ms": middle(({ p99 }) => p99),
    "RSS MB": middle(({ rss }) => rss),
  };
}
