import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { stringify } from "yaml";

/** A gateway as a process of its own. */
export interface GatewayProcess {
  readonly url: string;
  readonly adminUrl: string;
  /** Its working directory, empty at first. */
  readonly cwd: string;
  readonly lines: readonly Record<string, unknown>[];
  /** SIGTERM, and the wait for its end. */
  stop(): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

/** What must not outlive the test, however it ends. */
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Starts `src/main.ts` in front of `upstream` on free ports; `env` and `settings` (as in the YAML file) come on top. */
export async function startGatewayProcess(
  upstream: string,
  settings: Record<string, unknown> = {},
  env: Record<string, string> = {},
): Promise<GatewayProcess> {
  const dir = await mkdtemp(join(tmpdir(), "gateway-"));
  const file = join(dir, "gateway.yaml");
  await writeFile(file, stringify(settings));
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../src/main.ts")], {
    cwd: dir,
    env: {
      PATH: process.env["PATH"],
      UPSTREAM_URL: upstream,
      HOST: "127.0.0.1",
      PORT: "0",
      ADMIN_PORT: "0",
      CONFIG_FILE: file,
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  const lines: Record<string, unknown>[] = [];
  const listening = new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface(child.stdout).on("line", (text) => {
      const line: Record<string, unknown> = JSON.parse(text);
      lines.push(line);
      if (line["msg"] === "listening") resolve(line);
    });
    child.once("exit", () => reject(new Error(`the gateway ended: ${JSON.stringify(lines)}`)));
  });
  const { port, adminPort } = await listening;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    adminUrl: `http://127.0.0.1:${String(adminPort)}`,
    cwd: dir,
    lines,
    signal: (name) => void child.kill(name),
    async stop() {
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      await rm(dir, { recursive: true, force: true });
    },
  };
}
