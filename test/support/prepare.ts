import { buildTap } from "./build-tap.ts";
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

process.exitCode = buildTap();
