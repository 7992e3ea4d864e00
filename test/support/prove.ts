import { join } from "node:path";
import { readFileSync } from "node:fs";
import { systemClock } from "../../src/clock.ts";
import type { Io } from "../../src/cli/io.ts";
import { runCommand } from "../../src/cli/run.ts";
import { isObject } from "../../src/core/json.ts";
import { KEYS } from "./cms/keys.ts";

/** The file with bodies that the test CMS accepts. */
export const SAMPLES = join(import.meta.dirname, "prove-samples.json");

/** What a command wrote, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command of the binary in this process, with `env` for an environment. */
export async function runCli(argv: readonly string[], env: Io["env"] = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    env,
    clock: systemClock,
    readFile: (path) => readFileSync(path, "utf8"),
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    fail: (error) => void err.push(error instanceof Error ? error.message : String(error)),
    readInput: () => Promise.resolve(""),
    progress: () => undefined,
    colours: false,
    onStop: () => () => undefined,
    onReload: () => () => undefined,
    exit: () => undefined,
  };
  const code = await runCommand(argv, io);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

/** The flags of a proof of tenants A and C, or of A and B, which are of one group. */
export function proofOf(gateway: string, inGroup = false): { argv: string[]; env: Record<string, string> } {
  const argv = ["prove", "--gateway", gateway, "--shared", "events,venues", "--tenant-a", "tenant-a"];
  argv.push("--tenant-b", inGroup ? "tenant-b" : "tenant-c");
  return { argv, env: { PROVE_KEY_A: KEYS.partnerA, PROVE_KEY_B: inGroup ? KEYS.partnerB : KEYS.partnerC } };
}

/** A report as `--json` prints it, or an error where it printed none. */
export function reportIn({ out, err }: Ran): Record<string, unknown> {
  if (out === "") return { error: err };
  const report: unknown = JSON.parse(out);
  if (!isObject(report)) throw new Error(`no report: ${out}`);
  return report;
}
