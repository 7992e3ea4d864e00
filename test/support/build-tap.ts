import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Has tap compile its own test class for the configured plugins, once after every install: the first run without that
 * would still use the default ones, of which the TypeScript plugin does not work here. The exit code of that, 0 where
 * it had been done.
 */
export function buildTap(): number {
  if (isBuilt(read("node_modules/@tapjs/test/test-built/dist/esm/index.js"))) return 0;
  return spawnSync("tap", ["build"], { stdio: "inherit" }).status ?? 1;
}

function isBuilt(plugins: string): boolean {
  return plugins !== "" && !plugins.includes('"@tapjs/typescript"');
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
