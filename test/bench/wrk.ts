import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { OTHER_CORE, usage } from "./processes.ts";

const run = promisify(execFile);

/** An interval of load on one subject. */
export interface Stretch {
  readonly origin: string;
  /** wrk's requests, as Lua: see `asking` and `askingAs`. */
  readonly script: string;
  readonly connections: number;
  readonly seconds: number;
  /** The process whose CPU time is counted, with all its descendants. */
  readonly pid: number;
  /** The core of wrk; by default one without a measured subject. */
  readonly core?: string;
}

/** The result of an interval. Latencies in milliseconds. */
export interface Sample {
  readonly requests: number;
  readonly perSecond: number;
  /** Requests per second of CPU that the subject used. */
  readonly perCpuSecond: number;
  /** How many cores it used. */
  readonly cores: number;
  readonly p50: number;
  readonly p99: number;
  /** Memory at its end, in MB. */
  readonly rss: number;
}

/**
 * Loads a subject with wrk at full rate. Throws if a response was not a 2xx, because the figure would be of
 * another kind.
 */
export async function measure(stretch: Stretch): Promise<Sample> {
  const { origin, script, connections, seconds, pid, core = OTHER_CORE } = stretch;
  const dir = mkdtempSync(join(tmpdir(), "bench-wrk-"));
  const file = join(dir, "ask.lua");
  writeFileSync(file, script);
  try {
    const size = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", file];
    const before = usage(pid);
    const { stdout } = await run("taskset", ["-c", core, "wrk", ...size, origin]);
    const after = usage(pid);
    const { requests, perSecond, p50, p99 } = parseWrk(stdout);
    const cpu = after.cpu - before.cpu;
    const perCpuSecond = requests / cpu;
    return {
      requests,
      perSecond,
      perCpuSecond,
      cores: (cpu * perSecond) / requests,
      p50,
      p99,
      rss: after.rss,
    };
  } catch (error) {
    throw new Error(`load on ${origin} failed`, { cause: error });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Parses wrk 4's output with `--latency`. Throws if a response was not a 2xx, or if a figure is missing. */
export function parseWrk(output: string): Pick<Sample, "requests" | "perSecond" | "p50" | "p99"> {
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(output);
  if (bad !== null) throw new Error(`${bad[1] ?? "?"} answers were errors:\n${output}`);
  const found = (pattern: RegExp): string => {
    const value = pattern.exec(output)?.[1];
    if (value === undefined) throw new Error(`wrk did not say ${pattern.source}:\n${output}`);
    return value;
  };
  return {
    requests: Number(found(/(\d+) requests in/)),
    perSecond: Number(found(/Requests\/sec:\s+([\d.]+)/)),
    p50: milliseconds(found(/^ +50% +(\S+)/m)),
    p99: milliseconds(found(/^ +99% +(\S+)/m)),
  };
}

/** wrk's format of times: `831.00us`, `4.12ms`, `1.02s`, `1.50m`. */
function milliseconds(text: string): number {
  const factors: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };
  const [, value, unit = ""] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  const factor = factors[unit];
  if (value === undefined || factor === undefined) throw new Error(`wrk's time cannot be read: ${text}`);
  return Number(value) * factor;
}

/** Requests the paths in turn: with more paths than connections, no two requests in flight are equal. */
export function asking(paths: readonly string[], headers: Readonly<Record<string, string>>): string {
  return `local paths = { ${paths.map(quoted).join(", ")} }
local requests, turn = {}, 0
function init()
${Object.entries(headers)
  .map(([name, value]) => `  wrk.headers[${quoted(name)}] = ${quoted(value)}`)
  .join("\n")}
  for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path) end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
`;
}

/** The path and the key of many users: Lua's formats for a number. */
export interface Many {
  readonly path: string;
  readonly authorization: string;
  /** The Lua expression for the number of the next request; `turn` counts from 1. */
  readonly number: string;
}

/** Sends requests of many users: a number determines the path and the key of each. */
export function askingAs({ path, authorization, number }: Many): string {
  return `local format, random, turn = string.format, math.random, 0
local headers = {}
function init()
  math.randomseed(os.time())
  headers["Host"] = wrk.headers["Host"]
end
function request()
  turn = turn + 1
  local n = ${number}
  headers["authorization"] = format(${quoted(authorization)}, n)
  return wrk.format("GET", format(${quoted(path)}, n), headers)
end
`;
}

/** A Lua string; no text here has a character that JSON would write differently. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
