import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { parse } from "yaml";
import { systemClock } from "../../src/app/clock.ts";
import type { Io } from "../../src/cli/io.ts";
import { runCommand } from "../../src/cli/run.ts";
import { isObject } from "../../src/core/json.ts";
import { sqlClient, tableNames } from "./cms/database.ts";
import { KEYS } from "./cms/keys.ts";
import { type Cms, startCms } from "./cms/server.ts";
import { startTestGateway } from "./gateway.ts";

/** The file with bodies that the test CMS accepts. */
export const SAMPLES = join(import.meta.dirname, "prove-samples.json");

/** A command's output and exit code. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command of the binary in this process, with the environment `env`. */
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

/** A report as `--json` prints it, or an error if there is none. */
export function reportIn({ out, err }: Ran): Record<string, unknown> {
  if (out === "") return { error: err };
  const report: unknown = JSON.parse(out);
  if (!isObject(report)) throw new Error(`no report: ${out}`);
  return report;
}

/** The flags of a proof that writes. */
export const WRITE = ["--write", "--yes", "--samples", SAMPLES];

/** Starts a gateway with the demo's settings before a CMS; both end with the test. */
export async function startProved(t: Test): Promise<{ readonly cms: Cms; readonly url: string }> {
  const settings: unknown = parse(readFileSync(join(import.meta.dirname, "demo/config.yaml"), "utf8"));
  const cms = await startCms({ record: false });
  const gateway = await startTestGateway(cms.url, isObject(settings) ? settings : {});
  t.teardown(async () => {
    await gateway.stop();
    await cms.close();
  });
  return { cms, url: gateway.url };
}

/** The number of rows of every table of the CMS. */
export async function tableCounts({ payload }: Cms): Promise<Record<string, number>> {
  const sql = sqlClient(payload);
  const counts: Record<string, number> = {};
  for (const name of await tableNames(payload)) {
    const counted = await sql.execute(`SELECT count(*) AS n FROM "${name}"`);
    counts[name] = Number(counted.rows[0]?.["n"]);
  }
  return counts;
}
