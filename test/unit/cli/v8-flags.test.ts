import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { HEAP_FLAGS, setUpHeap } from "../../../src/cli/v8-flags.ts";

// What V8 does with them is measured: `npm run bench -- --parts v8`.

t.test("the heap's flags are set, each once: no pretenuring, maps are kept, the heap may double", (t) => {
  const set: string[] = [];
  setUpHeap((flag) => set.push(flag));
  t.strictSame(set, [
    "--no-allocation-site-pretenuring",
    "--retain-maps-for-n-gc=100",
    "--heap-growing-percent=100",
  ]);
  t.end();
});

t.test("the V8 of this Node knows each flag", async (t) => {
  const run = promisify(execFile);
  await t.rejects(run(process.execPath, ["--no-such-flag-of-v8", "--eval", ""]), { code: 9 }, "and tells");
  for (const flag of HEAP_FLAGS) await t.resolves(run(process.execPath, [flag, "--eval", ""]), flag);
  t.doesNotThrow(() => setUpHeap());
});
