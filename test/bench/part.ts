import type { Table } from "./report.ts";
import type { Upstream } from "./upstream.ts";

/** Which answer is asked for: one document of 2 KB, or ten of them. */
export type Load = "document" | "list";

/** What a run of the benchmark was told. */
export interface Options {
  /** How often everything is measured; each part has a number of its own where none is given. */
  readonly rounds: number | undefined;
  /** How long each time, in seconds; likewise. */
  readonly seconds: number | undefined;
  /** Seconds of load on each before anything counts: code that has not run a while yet is not what serves. */
  readonly warmup: number;
  readonly connections: readonly number[];
  readonly loads: readonly Load[];
  /** Words of which a subject's name has to have one; empty for all. */
  readonly only: readonly string[];
}

/** What every part is given. */
export interface Bench {
  readonly options: Options;
  readonly upstream: Upstream;
  /** The commands that are there. */
  readonly present: ReadonlySet<string>;
  readonly say: (line: string) => void;
}

/** A part of the benchmark that can be run alone. */
export interface Part {
  readonly name: string;
  /** Starts what it needs, measures, ends it, and gives its tables one by one. */
  run(bench: Bench): AsyncIterable<Table>;
}

/** What is compared, in the order of this round. Whoever comes later has the advantage of a warmer machine: they take turns. */
export function inTurns<T>(all: Iterable<T>, round: number): readonly T[] {
  return round % 2 === 0 ? [...all] : [...all].toReversed();
}
