import { execFile, spawn, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { promisify } from "node:util";

/** The core reserved for the measured subject, and the one for everything else: load and upstream. */
export const MEASURED_CORE = "1";
export const OTHER_CORE = "0";
export const BOTH_CORES = "0,1";

/** Kernel ticks in a second, as /proc counts CPU time (`getconf CLK_TCK`, 100 on Linux). */
const TICKS = 100;

/** A started program, pinned to a core. */
export interface Started {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Ends it with all its descendants, by default with SIGKILL; resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface StartOptions {
  readonly core: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** True for a program that prints information to standard error. */
  readonly isChatty?: boolean;
}

/** Child processes that must not outlive the benchmark, however it ends. */
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) kill(child.pid ?? 0, "SIGKILL");
});

/** Starts a program on one core; drops its output and shows its errors. */
export function startOn({ core, command, args, env, isChatty = false }: StartOptions): Started {
  const child = spawn("taskset", ["-c", core, command, ...args], {
    stdio: ["ignore", "ignore", isChatty ? "ignore" : "inherit"],
    env: { ...process.env, ...env },
  });
  children.add(child);
  const ended = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  return {
    pid: child.pid ?? 0,
    child,
    async stop(signal = "SIGKILL") {
      kill(child.pid ?? 0, signal);
      await ended;
      children.delete(child);
    },
  };
}

/** After SIGKILL a process cannot end its own children. */
function kill(pid: number, signal: NodeJS.Signals): void {
  for (const member of signal === "SIGKILL" ? family(pid) : [pid]) {
    try {
      process.kill(member, signal);
    } catch {
      // It has ended since it was listed.
    }
  }
}

/** Resolves with a port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Resolves when `url` answers with any status; rejects after 20 s. */
export async function untilAnswers(url: string, headers: Record<string, string> = {}): Promise<void> {
  const until = performance.now() + 20_000;
  for (;;) {
    try {
      await (await fetch(url, { headers })).arrayBuffer();
      return;
    } catch (error) {
      if (performance.now() > until) throw new Error(`${url} does not answer`, { cause: error });
      await new Promise((resolve) => void setTimeout(resolve, 20));
    }
  }
}

/** The CPU seconds used so far by a process and all its descendants, and their memory now, in MB. */
export function usage(pid: number): { cpu: number; rss: number } {
  let cpu = 0;
  let rss = 0;
  for (const member of family(pid)) {
    const stat = read(`/proc/${member}/stat`);
    // The command's name is in brackets and may contain blanks; utime and stime are the 12th and 13th fields
    // after it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    cpu += (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS;
    rss += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${member}/status`))?.[1] ?? 0) / 1024;
  }
  return { cpu, rss };
}

/** Resets the counter of `peakOf`. Linux 4.0 and newer. */
export function resetPeak(pid: number): void {
  for (const member of family(pid)) writeFileSync(`/proc/${member}/clear_refs`, "5");
}

/** The sum of the peak memory of a process and of each descendant since `resetPeak`, in MB. */
export function peakOf(pid: number): number {
  const peaks = family(pid).map((member) =>
    Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${member}/status`))?.[1] ?? 0),
  );
  return peaks.reduce((sum, peak) => sum + peak, 0) / 1024;
}

/** The number of processes: it and all its descendants. */
export function sizeOf(pid: number): number {
  return family(pid).length;
}

function family(pid: number): number[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
    parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const visit = (member: number): void => {
    found.push(member);
    for (const child of parents.get(member) ?? []) visit(child);
  };
  visit(pid);
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It has ended since it was listed.
    return "";
  }
}

/** A Node program that prints one value as JSON. */
export interface Job {
  readonly program: string;
  /** Its argument, as JSON. */
  readonly argument: unknown;
  readonly core?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs such a program to its end and parses its output. Rejects if it fails. */
export async function jsonFrom<T>({ program, argument, core = OTHER_CORE, env }: Job): Promise<T> {
  const args = ["-c", core, process.execPath, program, JSON.stringify(argument)];
  const { stdout } = await promisify(execFile)("taskset", args, { env: { ...process.env, ...env } });
  const result: T = JSON.parse(stdout);
  return result;
}
