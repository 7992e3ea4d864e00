import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Patch } from "../support/mutants.ts";
import { REVOCATION, SHARING } from "./knowledge.ts";
import type { SuiteMutant } from "./mutant.ts";
import { DRAINING, FRAMING, LIMITS } from "./traffic.ts";
import { WRITE_PATH } from "./writes.ts";

/**
 * `npm run mutants [-- WORD...]`: breaks the gateway in one way at a time, in a copy of the tree, and runs
 * the tests that guard it. A mutant is caught if one of its tests fails. Words select mutants by area or
 * name. Exits with 1 if a mutant survives, or if a test fails without any mutant.
 */

const root = join(import.meta.dirname, "../..");
/** The timeout of a test that a mutant makes hang, in milliseconds. */
const HANG_MS = 120_000;
/** Copies of the tree that are used at the same time. */
const COPIES = 2;

type Outcome = "passed" | "failed" | "hung";

function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), "mutants-"));
  process.once("exit", () => rmSync(copy, { recursive: true, force: true }));
  for (const part of [
    "src",
    "test",
    "scripts",
    "config",
    "docs",
    "package.json",
    "package-lock.json",
    "README.md",
    "CHANGELOG.md",
  ])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  return copy;
}

function runTest(copy: string, test: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(copy, test)], {
      cwd: copy,
      env: { ...process.env, TAP_TIMEOUT: String(HANG_MS / 1_000) },
      stdio: "ignore",
      detached: true,
    });
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      // The test's children, including Redis servers, are in its process group or were started from the copy.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      spawnSync("pkill", ["-KILL", "-f", copy]);
    }, HANG_MS);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve(hung ? "hung" : code === 0 ? "passed" : "failed");
    });
  });
}

/** Applies the patches to the copy. Returns a function that reverts them. */
function apply(copy: string, patches: readonly Patch[]): () => void {
  const originals = new Map<string, string>();
  for (const { file, find, replace } of patches) {
    const path = join(copy, "src", file);
    const text = readFileSync(path, "utf8");
    if (!originals.has(path)) originals.set(path, text);
    if (text.split(find).length !== 2) throw new Error(`${file} does not hold exactly once: ${find}`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
  return () => originals.forEach((text, path) => writeFileSync(path, text));
}

/** The first of the mutant's tests that fails, and how; `undefined` if all pass. */
async function catcherOf(copy: string, { patches, tests }: SuiteMutant): Promise<string | undefined> {
  const restore = apply(copy, patches);
  try {
    for (const test of tests) {
      const outcome = await runTest(copy, test);
      if (outcome !== "passed") return outcome === "hung" ? `${test} (hangs)` : test;
    }
    return undefined;
  } finally {
    restore();
  }
}

const words = process.argv.slice(2);
const mutants = [...REVOCATION, ...FRAMING, ...LIMITS, ...DRAINING, ...SHARING, ...WRITE_PATH];
const chosen = mutants.filter(
  ({ area, name }) => words.length === 0 || words.some((word) => area === word || name.includes(word)),
);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const copies = Array.from({ length: COPIES }, copyTree);
const queue = [...chosen];
let failures = 0;

// A test that fails without a mutant would catch every mutant.
const tests = [...new Set(chosen.flatMap((mutant) => mutant.tests))];
await Promise.all(
  copies.map(async (copy) => {
    for (let test = tests.shift(); test !== undefined; test = tests.shift()) {
      const outcome = await runTest(copy, test);
      if (outcome === "passed") continue;
      failures += 1;
      say(`without a mutant ${outcome}: ${test}`);
    }
  }),
);
await Promise.all(
  copies.map(async (copy) => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const catcher = await catcherOf(copy, mutant);
      if (catcher === undefined) failures += 1;
      say(
        `${catcher === undefined ? "SURVIVES" : "caught"}  ${mutant.area}: ${mutant.name}  ${catcher ?? ""}`,
      );
    }
  }),
);
say(`${chosen.length - failures} of ${chosen.length} mutants caught`);
process.exitCode = failures === 0 ? 0 : 1;
