import { hasProgram, installPackages } from "../support/programs.ts";

/** The benchmark's programs: the command, and the Debian package that contains it. */
const TOOLS: Readonly<Record<string, string>> = {
  wrk: "wrk",
  nginx: "nginx-light",
  haproxy: "haproxy",
  caddy: "caddy",
  "redis-server": "redis-server",
  taskset: "util-linux",
};

/** No measurement is possible without these; the rows of the others are left out. */
const NEEDED: ReadonlySet<string> = new Set(["wrk", "nginx", "taskset"]);

/**
 * Installs missing programs if possible (root on Debian), and returns the available commands. Throws an error
 * with installation advice if a required one is missing.
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
