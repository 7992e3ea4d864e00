import type { Table } from "./report.ts";
import type { Upstream } from "./upstream.ts";

/** The response under load: one document of 2 KB, or ten of them. */
export type Load = "document" | "list";

/** The options of a benchmark run. */
export interface Options {
  /** How often everything is measured; if not given, each part has its own number. */
  readonly rounds: number | undefined;
  /** How long each measurement takes, in seconds; if not given, each part has its own. */
  readonly seconds: number | undefined;
  /** Seconds of load before each first measurement: V8 has not yet optimised code that is new. */
  readonly warmup: number;
  readonly connections: readonly number[];
  readonly loads: readonly Load[];
  /** A subject is measured if its name contains one of these words; empty for all. */
  readonly only: readonly string[];
}

/** The context of every part. */
export interface Bench {
  readonly options: Options;
  readonly upstream: Upstream;
  /** The available commands. */
  readonly present: ReadonlySet<string>;
  readonly say: (line: string) => void;
}

/** A part of the benchmark that can be run alone. */
export interface Part {
  readonly name: string;
  /** Starts the subjects, measures, stops them, and yields the tables one by one. */
  run(bench: Bench): AsyncIterable<Table>;
}

/**
 * The subjects in the order of this round. A later one benefits from a warmer machine, so the order
 * alternates.
 */
export function inTurns<T>(all: Iterable<T>, round: number): readonly T[] {
  return round % 2 === 0 ? [...all] : [...all].toReversed();
}
