import { measure, type Sample } from "./load.ts";
import { figure, spreadOf, written, type Spread } from "./statistics.ts";
import { headersOf, UNIT, type Load, type RunningSubject, type Subject } from "./subjects.ts";

/** One row: a subject under one load, against the unit that was measured next to it in the same round. */
export interface Row {
  readonly subject: string;
  /** Requests per CPU second, as a ratio to the unit's. */
  readonly perCpu: Spread;
  /** Requests per second, likewise. */
  readonly perSecond: Spread;
  /** The 99th percentile of the latency, likewise. */
  readonly p99: Spread;
  readonly microsecondsCpu: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssMb: number;
}

export interface TableOptions {
  readonly load: Load;
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
  /** Seconds of load on each before anything counts: code that has not run a while yet is not what serves. */
  readonly warmup: number;
}

/**
 * Measures all subjects in turn, round after round, the unit before each of them: on a machine that is shared only what
 * was measured side by side can be compared.
 */
export async function tableOf(
  running: ReadonlyMap<Subject, RunningSubject>,
  { load, connections, rounds, seconds, warmup }: TableOptions,
): Promise<Row[]> {
  const pairs = new Map<Subject, { of: Sample; unit: Sample }[]>();
  const one = (subject: Subject, stretch = seconds): Promise<Sample> => {
    const { url, pid } = running.get(subject) ?? { url: "", pid: 0 };
    return measure({
      url: url + subject.paths[load],
      headers: headersOf(subject),
      connections,
      seconds: stretch,
      pid,
    });
  };
  const unit = [...running.keys()].find(({ name }) => name === UNIT);
  if (unit === undefined) throw new Error(`${UNIT} does not run`);
  for (const subject of running.keys()) await one(subject, warmup);
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of running.keys()) {
      if (subject === unit) continue;
      const beside = await one(unit);
      pairs.set(subject, [...(pairs.get(subject) ?? []), { unit: beside, of: await one(subject) }]);
    }
  }
  const own = [...pairs.values()].flat().map((pair) => ({ unit: pair.unit, of: pair.unit }));
  return [rowOf(UNIT, own), ...[...pairs].map(([{ name }, list]) => rowOf(name, list))];
}

function rowOf(subject: string, pairs: readonly { of: Sample; unit: Sample }[]): Row {
  const ratio = (of: (sample: Sample) => number) =>
    spreadOf(pairs.map((pair) => of(pair.of) / of(pair.unit)));
  const middle = (of: (sample: Sample) => number) => spreadOf(pairs.map((pair) => of(pair.of))).median;
  return {
    subject,
    perCpu: ratio(({ perCpuSecond }) => perCpuSecond),
    perSecond: ratio(({ perSecond }) => perSecond),
    p99: ratio(({ p99 }) => p99),
    microsecondsCpu: 1e6 / middle(({ perCpuSecond }) => perCpuSecond),
    p50Ms: middle(({ p50 }) => p50),
    p99Ms: middle(({ p99 }) => p99),
    rssMb: middle(({ rss }) => rss),
  };
}

/** The table in Markdown. */
export function printed(rows: readonly Row[]): string {
  const head =
    "| subject | requests per CPU second | requests per second | p99 | µs CPU | p50 ms | p99 ms | RSS MB |";
  return [
    head,
    head.replaceAll(/[^|]+/g, "---"),
    ...rows.map((row) => {
      const ratios = [row.perCpu, row.perSecond, row.p99].map((spread) => written(spread));
      const plain = [row.microsecondsCpu, row.p50Ms, row.p99Ms, row.rssMb].map((value) => figure(value));
      return `| ${[row.subject, ...ratios, ...plain].join(" | ")} |`;
    }),
  ].join("\n");
}
