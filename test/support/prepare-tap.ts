import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * tap compiles its own test class for the configured plugins, once after every install; the first run without that
 * would still use the default ones, of which the TypeScript plugin does not work here.
 */
if (!isBuilt(read("node_modules/@tapjs/test/test-built/dist/esm/index.js"))) {
  const { status } = spawnSync("tap", ["build"], { stdio: "inherit" });
  process.exitCode = status ?? 1;
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
