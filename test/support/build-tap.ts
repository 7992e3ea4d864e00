import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Compiles tap's test class for the configured plugins. npm runs this file after every install, since tap's
 * first run would otherwise use its default plugins, whose TypeScript plugin does not work here. Returns
 * tap's exit code, or 0 if the class was compiled before.
 */
export function buildTap(): number {
  if (isBuilt(read("node_modules/@tapjs/test/test-built/dist/esm/index.js"))) return 0;
  return spawnSync("tap", ["build"], { stdio: "inherit" }).status ?? 1;
}

function isBuilt(plugins: string): boolean {
  return plugins !== "" && !/"@tapjs.(typescript|mock)"/.test(plugins);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

if (import.meta.main) process.exitCode = buildTap();
