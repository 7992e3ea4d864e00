import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";

const run = promisify(execFile);
const HEAP = join(import.meta.dirname, "../../../src/cli/heap.ts");

/** How many places V8 declares old in a process of whose objects everything survives for a while. */
async function placesDeclaredOld(before: string): Promise<number> {
  const program = `
    import { beginYoung } from ${JSON.stringify(HEAP)};
    ${before};
    const make = (i) => ({ i, list: [i] });
    let kept = [];
    for (let i = 0; i < 3_000_000; i += 1) {
      kept.push(make(i));
      if (kept.length > 100_000) kept = [];
    }
  `;
  const flags = ["--max-semi-space-size=1", "--trace-pretenuring", "--trace-pretenuring-statistics"];
  const { stdout } = await run(process.execPath, [...flags, "--input-type=module", "-e", program], {
    maxBuffer: 64 * 1_048_576,
  });
  return stdout.split("\n").filter((line) => line.endsWith("=> tenure")).length;
}

t.test("V8 allocates nothing as old that is new", async (t) => {
  t.ok((await placesDeclaredOld("")) > 0, "as it would of itself");
  t.equal(await placesDeclaredOld("beginYoung()"), 0);
});
