import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

/** The bytes of heap in use after a full garbage collection. */
export function heapAfterCollection(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  for (let i = 0; i < 3; i++) if (typeof collect === "function") collect();
  return process.memoryUsage().heapUsed;
}

/** The environment of a program for `snapshotOf`. */
export const SNAPSHOTS = { NODE_OPTIONS: "--heapsnapshot-signal=SIGUSR2" };

/**
 * The heap of a process as text, with all its strings. The process writes the file into its own working
 * directory.
 */
export async function snapshotOf(program: Pick<Program, "signal" | "cwd">): Promise<string> {
  program.signal("SIGUSR2");
  return until("a heap snapshot", async () => {
    const name = (await readdir(program.cwd)).find((file) => file.endsWith(".heapsnapshot"));
    const text = name === undefined ? "" : await readFile(join(program.cwd, name), "utf8");
    return text.trimEnd().endsWith("]}") && text;
  });
}
