import { spawnSync } from "node:child_process";

/** True if a command of that name is on PATH. */
export function hasProgram(command: string): boolean {
  return spawnSync("which", [command], { stdio: "ignore" }).status === 0;
}

/** Installs Debian packages with apt-get, if the process is root. Prints a line before it does. */
export function installPackages(packages: readonly string[], say: (line: string) => void): void {
  if (packages.length === 0 || process.getuid?.() !== 0 || !hasProgram("apt-get")) return;
  say(`installing ${packages.join(", ")} with apt-get`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore", env });
  spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
    stdio: "ignore",
    env,
  });
}
