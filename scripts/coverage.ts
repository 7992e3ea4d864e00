import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join, relative } from "node:path";

/**
 * `npm run coverage`: prints how much of `src` the last test run covered, by V8's counts. Exits with 1 below
 * `FLOOR`. Reads the output of `npm test -- --no-disable-coverage --coverage-report=json-summary`.
 */

/**
 * Lines of `src` that the test files of `test/support/coverage-map.ts` cover, in percent. All test files
 * together cover about one percent more.
 */
export const FLOOR = 97.5;

const root = join(import.meta.dirname, "..");
const REPORT = join(root, ".tap/report/coverage-summary.json");

/** The lines of one file: how many there are, and how many are covered. */
export interface Lines {
  readonly total: number;
  readonly covered: number;
}

/**
 * The lines of each file of `src`, by its path below the root. A file that no test loads has none covered.
 */
export function linesOf(summary: Readonly<Record<string, { readonly lines: Lines }>>): Map<string, Lines> {
  const files = new Map<string, Lines>();
  for (const file of sources()) {
    const measured = summary[join(root, file)]?.lines;
    const total = readFileSync(join(root, file), "utf8").split("\n").length - 1;
    if (measured !== undefined) files.set(file, measured);
    else if (hasCode(file)) files.set(file, { total, covered: 0 });
  }
  return files;
}

function sources(): string[] {
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".ts")).map((name) => join("src", name));
}

/** False for a file of types alone, which is never loaded. */
function hasCode(file: string): boolean {
  const stripped = stripTypeScriptTypes(readFileSync(join(root, file), "utf8"));
  return stripped.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "").trim() !== "";
}

function percent({ total, covered }: Lines): number {
  return total === 0 ? 100 : (100 * covered) / total;
}

if (import.meta.main) {
  const files = linesOf(JSON.parse(readFileSync(REPORT, "utf8")));
  const all = [...files.values()].reduce((sum, { total, covered }) => ({
    total: sum.total + total,
    covered: sum.covered + covered,
  }));
  const least = [...files]
    .toSorted(([, a], [, b]) => b.total - b.covered - (a.total - a.covered))
    .slice(0, 20);
  const rows = least
    .filter(([, { total, covered }]) => covered < total)
    .map(([file, lines]) => `  ${percent(lines).toFixed(1).padStart(5)} %  ${relative("src", file)}`);
  const verdict = `coverage: ${percent(all).toFixed(2)} % of ${all.total} lines; at least ${FLOOR} % is required`;
  process.stdout.write(`${["most uncovered lines:", ...rows, verdict].join("\n")}\n`);
  if (percent(all) < FLOOR) process.exitCode = 1;
}
