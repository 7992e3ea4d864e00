import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { COMPILE_CACHE } from "./compile-cache.ts";
import { inTime } from "./raw.ts";

/** `src/main.ts` as a separate process, with its output. */
export interface Program {
  readonly port: number;
  readonly adminPort: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Standard output and standard error so far. */
  readonly output: () => string;
  /** The log's lines so far, parsed; empty if `onLine` receives them. */
  readonly lines: () => readonly Record<string, unknown>[];
  /** Its working directory. */
  readonly cwd: string;
  /** Sends SIGTERM, also to a stopped process, and waits for its end. */
  stop(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Resolves with the exit code when the process has ended and all its output has been read. */
  readonly ended: Promise<number | null>;
}

/** Options of a program besides its settings. */
export interface ProgramOptions {
  readonly settings?: Record<string, unknown>;
  readonly env?: Readonly<Record<string, string>>;
  /** True: in a process group of its own, and every signal goes to the whole group. */
  readonly group?: boolean;
  /** A module to preload into the process, by which a test can make it fail. */
  readonly preload?: string;
  /** Receives each line of the log, for programs with too many lines to keep. */
  readonly onLine?: (line: Record<string, unknown>) => void;
}

/** Not with coverage: V8 counts less exactly in functions from the compile cache. */
const COMPILED = process.env["_TAPJS_PROCESSINFO_COVERAGE_"] === "1" ? {} : COMPILE_CACHE;

/** Starts it in front of `upstream` and waits until it listens. The test must end it. */
export async function startProgram(upstream: string, options: ProgramOptions = {}): Promise<Program> {
  const dir = mkdtempSync(join(tmpdir(), "program-"));
  const file = join(dir, "settings.yaml");
  writeFileSync(file, stringify(options.settings ?? {}));
  const preload = options.preload === undefined ? [] : ["--import", options.preload];
  const child = spawn(process.execPath, [...preload, join(import.meta.dirname, "../../src/main.ts")], {
    cwd: dir,
    env: {
      PATH: process.env["PATH"],
      UPSTREAM_URL: upstream,
      HOST: "127.0.0.1",
      PORT: "0",
      ADMIN_PORT: "0",
      CONFIG_FILE: file,
      ...COMPILED,
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: options.group === true,
  });
  const signal = (name: NodeJS.Signals): void => {
    if (options.group !== true) child.kill(name);
    else if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, name);
  };
  const kill = (): void => signal("SIGKILL");
  process.once("exit", kill);
  let output = "";
  let rest = "";
  const lines: Record<string, unknown>[] = [];
  const ended = once(child, "close").then(([code]: (number | null)[]) => {
    process.off("exit", kill);
    rmSync(dir, { recursive: true, force: true });
    return code ?? null;
  });
  const listening = new Promise<Record<string, unknown>>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const whole = (rest + text).split("\n");
      rest = whole.pop() ?? "";
      for (const line of parse(whole)) {
        if (line["msg"] === "listening") resolve(line);
        if (options.onLine === undefined) lines.push(line);
        else options.onLine(line);
      }
      if (options.onLine === undefined) output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    void ended.then((code) => reject(new Error(`ended with ${String(code)} before it listened: ${output}`)));
  });
  const { port, adminPort } = await inTime(listening, () => "the program to listen");
  return {
    port: Number(port),
    adminPort: Number(adminPort),
    url: `http://127.0.0.1:${String(port)}`,
    adminUrl: `http://127.0.0.1:${String(adminPort)}`,
    pid: child.pid ?? 0,
    output: () => output,
    lines: () => lines,
    cwd: dir,
    async stop() {
      signal("SIGCONT");
      signal("SIGTERM");
      await ended;
    },
    signal,
    ended,
  };
}

function parse(lines: readonly string[]): Record<string, unknown>[] {
  return lines
    .filter((line) => line.startsWith("{"))
    .map((line): Record<string, unknown> => JSON.parse(line));
}
