import { cpus, loadavg, release, totalmem } from "node:os";

/** The machine of a measurement, without which its figures mean nothing. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** The load average of the last minute when the benchmark began. */
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

/** Above this load average, ratios spread more and absolute figures are worthless. */
const BUSY = 0.3;

/** The machine in one line, and a warning if it was busy. */
export function described(machine: Machine): string {
  const { processor, cores, memoryGb, kernel, node, loadAverage } = machine;
  const line = `${processor}, ${cores} cores, ${memoryGb} GB, ${kernel}, Node ${node}, load average ${loadAverage.toFixed(2)}`;
  return loadAverage < BUSY ? line : `${line}\nThe machine is busy: treat the figures as preliminary.`;
}
