import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { COMPILE_CACHE } from "./compile-cache.ts";
import type { Mutant } from "./mutants.ts";

/** A gateway as a separate process. */
export interface ChildGateway {
  readonly url: string;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, "../..");

/** Starts a broken gateway before the CMS at `upstream`; resolves when it listens. */
export async function startMutant(mutant: Mutant, upstream: string): Promise<ChildGateway> {
  const child = spawn(
    process.execPath,
    ["--import", join(import.meta.dirname, "mutant-hook.ts"), "src/main.ts"],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...process.env,
        // Its sources differ from those on disk, so its coverage would count for other lines.
        _TAPJS_PROCESSINFO_COVERAGE_: "0",
        NODE_OPTIONS: "",
        ...COMPILE_CACHE,
        MUTANT: mutant.name,
        UPSTREAM_URL: upstream,
        HOST: "127.0.0.1",
        PORT: "0",
        ADMIN_PORT: "0",
        CONFIG_FILE: join(import.meta.dirname, "demo/config.yaml"),
      },
    },
  );
  const exit = once(child, "exit");
  let port: unknown;
  for await (const line of createInterface({ input: child.stdout })) {
    const entry: Record<string, unknown> = JSON.parse(line);
    if (entry["msg"] === "listening") {
      ({ port } = entry);
      break;
    }
  }
  if (typeof port !== "number") throw new Error(`the mutant "${mutant.name}" does not start`);
  child.stdout.resume();
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
