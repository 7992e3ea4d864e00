import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hasProgram, installPackages } from "./programs.ts";

/** Before the tests: what they need and npm does not bring. What cannot be installed here is said, and fails the tests that need it. */

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const NEEDED = [
  { command: "redis-server", isGiven: process.env["TEST_REDIS_URL"] !== undefined },
  { command: "chromium", isGiven: process.env["CHROMIUM_PATH"] !== undefined },
];
const missing = NEEDED.filter(({ command, isGiven }) => !isGiven && !hasProgram(command));
installPackages(
  missing.map(({ command }) => command),
  say,
);
for (const { command } of missing)
  if (!hasProgram(command)) say(`${command} is missing: install it (apt-get install ${command})`);

// tap compiles its own test class for the configured plugins, once after every install; the first run without that would
// still use the default ones, of which the TypeScript plugin does not work here.
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
