import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Type-checks a project by TypeScript's own program. Not by `tsc`, a script of Node's: the test runner loads hooks into
 * every Node that a test starts, with which that script ends at once, having said nothing on standard output.
 */
export async function typeCheck(
  tsconfig: string,
): Promise<{ readonly output: string; readonly status: number | null }> {
  const file = join(import.meta.dirname, "../../node_modules/typescript/lib/getExePath.js");
  const { default: pathOf }: { default: () => string } = await import(pathToFileURL(file).href);
  const { stdout, stderr, status } = spawnSync(pathOf(), ["-p", tsconfig], { encoding: "utf8" });
  return { output: stdout + stderr, status };
}
