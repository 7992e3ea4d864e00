import { cpus, loadavg, release, totalmem } from "node:os";

/** Where figures come from: without it they say nothing. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** The mean number of processes that wanted to run in the last minute, when the benchmark began. */
  readonly loadAverage: number;
}

/** This machine, now. */
export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? "?",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    node: process.version,
    loadAverage: loadavg()[0] ?? Number.NaN,
  };
}

/** A machine on which something else runs already gives ratios of more spread, and absolute figures of no worth. */
const BUSY = 0.3;

/** The machine in a line, and a warning where it was busy. */
export function described(machine: Machine): string {
  const { processor, cores, memoryGb, kernel, node, loadAverage } = machine;
  const line = `${processor}, ${cores} cores, ${memoryGb} GB, ${kernel}, Node ${node}, load average ${loadAverage.toFixed(2)}`;
  return loadAverage < BUSY
    ? line
    : `${line}\nThe machine is busy with something else: take the figures as preliminary.`;
}
