import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { BLOCKS } from "../../src/prove/matrix.ts";
import { REVOCATION, SHARING } from "../mutants/knowledge.ts";
import { DRAINING, FRAMING, LIMITS } from "../mutants/traffic.ts";
import { WRITE_PATH } from "../mutants/writes.ts";
import { DOOR_MUTANTS } from "../support/door-mutants.ts";
import { READ_MUTANTS } from "../support/read-mutants.ts";
import { WRITE_MUTANTS } from "../support/write-mutants.ts";

const MUTANTS = [...DOOR_MUTANTS, ...READ_MUTANTS, ...WRITE_MUTANTS];
const SUITE_MUTANTS = [...REVOCATION, ...FRAMING, ...LIMITS, ...DRAINING, ...SHARING, ...WRITE_PATH];
const src = join(import.meta.dirname, "../../src");

t.test(
  "the code that a mutant replaces occurs exactly once, so that no mutant becomes outdated unnoticed",
  async (t) => {
    for (const { name, patches } of [...MUTANTS, ...SUITE_MUTANTS]) {
      t.ok(patches.length > 0, name);
      for (const { file, find, replace } of patches) {
        const source = readFileSync(join(src, file), "utf8");
        t.equal(source.split(find).length - 1, 1, `${name}: ${find}`);
        t.not(find, replace);
      }
    }
  },
);

t.test("every mutant has a unique name, and its blocks exist", async (t) => {
  t.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const { blocks } of MUTANTS)
    for (const block of blocks)
      t.ok(
        BLOCKS.some(({ name }) => name === block),
        block,
      );
});

t.test("the tests that guard against a mutant of the suite exist", async (t) => {
  for (const { name, tests } of SUITE_MUTANTS) {
    t.ok(tests.length > 0, name);
    for (const test of tests) t.ok(existsSync(join(src, "..", test)), test);
  }
});
