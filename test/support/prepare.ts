import { buildTap } from "./build-tap.ts";
import { hasProgram, installPackages } from "./programs.ts";

/**
 * Runs before the tests: installs what they need beyond npm packages. Prints what it cannot install; the
 * tests that need it then fail.
 */

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

process.exitCode = buildTap();
