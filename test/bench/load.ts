import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { OTHER_CORE, usage } from "./processes.ts";

const run = promisify(execFile);

/** One stretch of load on one subject. */
export interface Stretch {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  /** The process whose CPU time is counted, with all below it. */
  readonly pid: number;
}

/** What came of it. Latencies in milliseconds. */
export interface Sample {
  readonly perSecond: number;
  /** Requests for each second of CPU that the subject used. */
  readonly perCpuSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Memory at its end, in MB. */
  readonly rss: number;
}

/** Loads a subject with wrk, as fast as it goes. Throws where an answer was not a 2xx: that would be another figure. */
export async function measure(stretch: Stretch): Promise<Sample> {
  const { url, headers, connections, seconds, pid } = stretch;
  const lines = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const size = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency"];
  const before = usage(pid);
  const { stdout } = await run("taskset", ["-c", OTHER_CORE, "wrk", ...size, ...lines, url]);
  const after = usage(pid);
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(stdout);
  if (bad !== null) throw new Error(`${url} answered ${bad[1] ?? "?"} times with an error:\n${stdout}`);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0),
    perCpuSecond: requests / (after.cpu - before.cpu),
    p50: milliseconds(/50%\s+(\S+)/.exec(stdout)?.[1]),
    p99: milliseconds(/99%\s+(\S+)/.exec(stdout)?.[1]),
    rss: after.rss,
  };
}

/** wrk's way of writing times: `831.00us`, `4.12ms`, `1.02s`. */
function milliseconds(text = ""): number {
  const value = Number.parseFloat(text);
  if (text.endsWith("us")) return value / 1_000;
  return text.endsWith("ms") ? value : value * 1_000;
}
