import t from "tap";
import { isObject } from "../../src/core/json.ts";
import { startCms } from "../support/cms/server.ts";
import { DOOR_MUTANTS } from "../support/door-mutants.ts";
import { startMutant } from "../support/mutant.ts";
import type { Mutant } from "../support/mutants.ts";
import { proofOf, reportIn, runCli, WRITE } from "../support/prove.ts";
import { READ_MUTANTS } from "../support/read-mutants.ts";
import { WRITE_MUTANTS } from "../support/write-mutants.ts";

// Runs `prove` against broken gateways, each with one fault.
t.setTimeout(0);

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

/** Runs the blocks that must detect the mutant. Resolves with those that did. */
async function caughtBy(mutant: Mutant, flags: readonly string[]): Promise<string[]> {
  const broken = await startMutant(mutant, cms.url);
  try {
    const { argv, env } = proofOf(broken.url, mutant.inGroup);
    const collections = ["--collections", "pages,events,venues", "--only", mutant.blocks.join(",")];
    const ran = await runCli([...argv, ...collections, ...flags, "--bail", "--json"], env);
    const report = reportIn(ran);
    if (ran.code !== 1) return [];
    const failures = Array.isArray(report["failures"]) ? report["failures"] : [];
    const blocks = failures.map((failure: unknown) => (isObject(failure) ? String(failure["block"]) : ""));
    return [...new Set([...blocks, ...("error" in report ? ["own lists"] : [])])];
  } finally {
    await broken.stop();
  }
}

/** Tries each mutant, `lanes` at a time. */
async function tryAll(mutants: readonly Mutant[], lanes: number, judge: (mutant: Mutant) => Promise<void>) {
  const waiting = [...mutants];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await judge(next);
  };
  await Promise.all(Array.from({ length: lanes }, work));
}

t.test("prove catches every gateway with one rule switched off", async (t) => {
  let caught = 0;
  const judge = async (mutant: Mutant, flags: readonly string[]): Promise<void> => {
    const blocks = await caughtBy(mutant, flags);
    if (blocks.length > 0) caught += 1;
    t.ok(blocks.length > 0, `${mutant.name}: ${blocks.join(", ") || "not caught"}`);
  };
  await tryAll([...DOOR_MUTANTS, ...READ_MUTANTS], 2, (mutant) => judge(mutant, []));
  await tryAll(WRITE_MUTANTS, 1, async (mutant) => {
    await judge(mutant, WRITE);
    await cms.reset();
  });
  const all = DOOR_MUTANTS.length + READ_MUTANTS.length + WRITE_MUTANTS.length;
  t.equal(caught, all);
  t.comment(`${caught} of ${all} mutants caught${caught === all ? ": all" : ""}`);
});
