import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { HEAP_FLAGS, setUpHeap } from "../../../src/cli/v8-flags.ts";

// `npm run bench -- --parts v8` measures the effect of the flags.

t.test("each heap flag is set once: no pretenuring, maps are retained, the heap may double", (t) => {
  const set: string[] = [];
  setUpHeap((flag) => set.push(flag));
  t.strictSame(set, [
    "--no-allocation-site-pretenuring",
    "--retain-maps-for-n-gc=100",
    "--heap-growing-percent=100",
  ]);
  t.end();
});

t.test("the V8 of this Node accepts each flag", async (t) => {
  const run = promisify(execFile);
  await t.rejects(
    run(process.execPath, ["--no-such-flag-of-v8", "--eval", ""]),
    { code: 9 },
    "an unknown flag is rejected",
  );
  for (const flag of HEAP_FLAGS) await t.resolves(run(process.execPath, [flag, "--eval", ""]), flag);
  t.doesNotThrow(() => setUpHeap());
});
