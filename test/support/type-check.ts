import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Type-checks a project with TypeScript's native binary. `tsc` is a Node script, and the test runner preloads
 * hooks into every Node that a test starts; with them, that script exits at once without output.
 */
export async function typeCheck(
  tsconfig: string,
): Promise<{ readonly output: string; readonly status: number | null }> {
  const file = join(import.meta.dirname, "../../node_modules/typescript/lib/getExePath.js");
  const { default: pathOf }: { default: () => string } = await import(pathToFileURL(file).href);
  const { stdout, stderr, status } = spawnSync(pathOf(), ["-p", tsconfig], { encoding: "utf8" });
  return { output: stdout + stderr, status };
}
