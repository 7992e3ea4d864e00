import { hasProgram, installPackages } from "../support/programs.ts";

/** The programs that a benchmark is made with: which command, and the Debian package that brings it. */
const TOOLS: Readonly<Record<string, string>> = {
  wrk: "wrk",
  nginx: "nginx-light",
  haproxy: "haproxy",
  caddy: "caddy",
  "redis-server": "redis-server",
  taskset: "util-linux",
};

/** Without these there is nothing to measure with; the others are only left out of the table. */
const NEEDED: ReadonlySet<string> = new Set(["wrk", "nginx", "taskset"]);

/**
 * Installs what is missing where that is possible (root on Debian), and returns the commands that are there. Throws
 * with what to install where one is missing that no figure can do without.
 */
export function ensureTools(say: (line: string) => void): ReadonlySet<string> {
  const missing = Object.entries(TOOLS).filter(([command]) => !hasProgram(command));
  installPackages(
    missing.map(([, name]) => name),
    say,
  );
  const present = new Set(Object.keys(TOOLS).filter((command) => hasProgram(command)));
  for (const [command, name] of Object.entries(TOOLS)) {
    if (present.has(command)) continue;
    if (NEEDED.has(command)) throw new Error(`${command} is missing: install Debian's package ${name}`);
    say(`without ${command} (Debian's package ${name}): its rows are left out`);
  }
  return present;
}
