import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { billOfMaterials } from "./sbom.ts";

/**
 * `npm run release -- 0.2.0`: prints what a release would change. With `--yes` it writes the version, dates
 * the changelog, writes the bill of materials (CycloneDX), commits and tags. It pushes and publishes nothing.
 */

const root = join(import.meta.dirname, "..");
/** Every file that names the version. */
export const VERSIONED = [
  "package.json",
  "package-lock.json",
  "CHANGELOG.md",
  "config/kubernetes/deployment.yaml",
] as const;
const SBOM = "sbom.cdx.json";

/** The files as they are after the release. Throws an error that says what to do first. */
export function released(
  files: Readonly<Record<(typeof VERSIONED)[number], string>>,
  version: string,
  date: string,
): Record<(typeof VERSIONED)[number], string> {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version} is no version such as 0.2.0`);
  const { version: before }: { version: string } = JSON.parse(files["package.json"]);
  if (isOlder(version, before)) throw new Error(`${version} is older than ${before}`);
  const heading = `## ${version} (unreleased)`;
  if (!files["CHANGELOG.md"].includes(`${heading}\n`))
    throw new Error(`CHANGELOG.md has no "${heading}": write what changes under it first`);
  const number = `"version": "${before}"`;
  const replaced = (text: string, times: number): string => {
    let left = times;
    return text.replaceAll(number, (found) => (left-- > 0 ? `"version": "${version}"` : found));
  };
  return {
    "package.json": replaced(files["package.json"], 1),
    // The file's own version and its root package's; dependencies with the same version come later.
    "package-lock.json": replaced(files["package-lock.json"], 2),
    "CHANGELOG.md": files["CHANGELOG.md"].replace(heading, `## ${version} (${date})`),
    "config/kubernetes/deployment.yaml": files["config/kubernetes/deployment.yaml"].replace(
      /(image: partners-gateway:)\S+/,
      `$1${version}`,
    ),
  };
}

function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(".").map(Number));
  const at = [0, 1, 2].find((index) => a?.[index] !== b?.[index]);
  return at !== undefined && Number(a?.[at]) < Number(b?.[at]);
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { cwd: root, encoding: "utf8" });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { yes: { type: "boolean", default: false } },
  });
  const [version = ""] = positionals;
  const files = {
    "package.json": read("package.json"),
    "package-lock.json": read("package-lock.json"),
    "CHANGELOG.md": read("CHANGELOG.md"),
    "config/kubernetes/deployment.yaml": read("config/kubernetes/deployment.yaml"),
  };
  const after = released(files, version, new Date().toISOString().slice(0, 10));
  for (const path of VERSIONED) if (after[path] !== files[path]) say(`write  ${path}`);
  say(`write  ${SBOM}\ncommit release: ${version}\ntag    v${version}`);
  if (!values.yes) return say("Nothing was changed: this was a dry run. Add --yes to release.");
  if (run("git", "status", "--porcelain") !== "") throw new Error("commit or stash your changes first");
  if (run("git", "tag", "--list", `v${version}`) !== "")
    throw new Error(`the tag v${version} exists already`);
  try {
    for (const path of VERSIONED) writeFileSync(join(root, path), after[path]);
    writeFileSync(join(root, SBOM), billOfMaterials(root));
    run("git", "add", SBOM, ...VERSIONED);
    run("git", "commit", "--quiet", "-m", `release: ${version}`);
  } catch (error) {
    // Nothing else was changed before, so the reset removes only the incomplete release.
    rmSync(join(root, SBOM), { force: true });
    run("git", "reset", "--quiet", "--hard");
    throw error;
  }
  run("git", "tag", "-a", `v${version}`, "-m", `partners-gateway ${version}`);
  say(`Done. Next: git push --follow-tags, and docker build -t partners-gateway:${version} .`);
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
