import { spawnSync } from "node:child_process";

/** The programs that a benchmark is made with: which command, and the Debian package that brings it. */
const TOOLS: Readonly<Record<string, string>> = {
  wrk: "wrk",
  h2load: "nghttp2-client",
  nginx: "nginx-light",
  haproxy: "haproxy",
  caddy: "caddy",
  taskset: "util-linux",
};

/** Without these there is nothing to measure with; the others are only left out of the table. */
const NEEDED: ReadonlySet<string> = new Set(["wrk", "nginx", "taskset"]);

/**
 * Installs what is missing where that is possible (root on Debian), and returns the commands that are there. Throws
 * with what to install where one is missing that no figure can do without.
 */
export function ensureTools(say: (line: string) => void): ReadonlySet<string> {
  const missing = Object.keys(TOOLS).filter((command) => !isThere(command));
  const packages = missing.map((command) => TOOLS[command] ?? command);
  if (missing.length > 0 && process.getuid?.() === 0 && isThere("apt-get")) {
    say(`installing ${packages.join(", ")}`);
    spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore" });
    spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  }
  const present = new Set(Object.keys(TOOLS).filter(isThere));
  for (const [command, name] of Object.entries(TOOLS)) {
    if (present.has(command)) continue;
    if (NEEDED.has(command)) throw new Error(`${command} is missing: install Debian's package ${name}`);
    say(`without ${command} (Debian's package ${name}): its rows are left out`);
  }
  return present;
}

function isThere(command: string): boolean {
  return spawnSync("which", [command], { stdio: "ignore" }).status === 0;
}
