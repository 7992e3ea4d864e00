import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";

const run = promisify(execFile);
const HEAP = join(import.meta.dirname, "../../../src/cli/heap.ts");

/** What a process prints that runs this program, with `setUpHeap` at hand. */
async function printed(program: string, flags: readonly string[]): Promise<string[]> {
  const whole = `import { setUpHeap } from ${JSON.stringify(HEAP)};\n${program}`;
  const { stdout } = await run(process.execPath, [...flags, "--input-type=module", "-e", whole], {
    maxBuffer: 64 * 1_048_576,
  });
  return stdout.split("\n");
}

/** How many places V8 declares old in a process of whose objects everything survives for a while. */
async function placesDeclaredOld(before: string): Promise<number> {
  const program = `
    ${before};
    const make = (i) => ({ i, list: [i] });
    let kept = [];
    for (let i = 0; i < 3_000_000; i += 1) {
      kept.push(make(i));
      if (kept.length > 100_000) kept = [];
    }
  `;
  const flags = ["--max-semi-space-size=1", "--trace-pretenuring", "--trace-pretenuring-statistics"];
  const lines = await printed(program, flags);
  return lines.filter((line) => line.endsWith("=> tenure")).length;
}

t.test("V8 allocates nothing as old that is new", async (t) => {
  t.ok((await placesDeclaredOld("")) > 0, "as it would of itself");
  t.equal(await placesDeclaredOld("setUpHeap()"), 0);
});

/** Whether a function is compiled still after each of six marks of a heap that holds no object of the kind it is for. */
async function compiledAfterMarks(before: string): Promise<boolean[]> {
  const program = `
    ${before};
    const sum = (o) => o.a + o.b;
    const shaped = () => { const o = {}; o.a = 1; o.b = 2; return o; };
    const work = () => { for (let i = 0; i < 100_000; i += 1) sum(shaped()); };
    %PrepareFunctionForOptimization(sum);
    work();
    %OptimizeFunctionOnNextCall(sum);
    work();
    const tell = () => console.log((%GetOptimizationStatus(sum) & 16) !== 0);
    tell();
    for (let i = 0; i < 6; i += 1) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
      tell();
    }
  `;
  const lines = await printed(program, ["--expose-gc", "--allow-natives-syntax"]);
  return lines.filter((line) => line !== "").map((line) => line === "true");
}

t.test("compiled code outlives the objects that it was compiled for", async (t) => {
  const ofItself = await compiledAfterMarks("");
  t.match([ofItself[0], ofItself.at(-1)], [true, false], "which it would not of itself");
  t.strictSame(
    await compiledAfterMarks("setUpHeap()"),
    Array.from({ length: 7 }, () => true),
  );
});

/** By how much V8 lets the heap grow after each of four marks, as a multiple of what lives: by its own account. */
async function growths(before: string): Promise<number[]> {
  const program = `
    ${before};
    globalThis.kept = Array.from({ length: 300_000 }, (_, i) => ({ i, list: [i] }));
    for (let i = 0; i < 4; i += 1) globalThis.gc();
  `;
  const lines = await printed(program, ["--expose-gc", "--trace-gc-verbose"]);
  return lines.flatMap((line) => {
    const [, factor] = /\[HeapController\] factor ([\d.]+)/.exec(line) ?? [];
    return factor === undefined ? [] : [Number(factor)];
  });
}

t.test("the heap may double between two marks, however fast it is filled", async (t) => {
  const ofItself = await growths("");
  t.ok(ofItself.length >= 4 && ofItself.some((growth) => growth !== 2), ofItself.join(", "));
  const found = await growths("setUpHeap()");
  t.ok(found.length >= 4 && found.every((growth) => growth === 2), found.join(", "));
});
