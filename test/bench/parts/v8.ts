import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Part } from "../part.ts";
import { HERE } from "../start.ts";

const run = promisify(execFile);
const WITH_FLAGS = `import { setUpHeap } from ${JSON.stringify(join(HERE, "src/cli/v8-flags.ts"))}; setUpHeap();`;

/** Measures V8 with the flags of `cli/v8-flags.ts` and with the calls of `http/proxy/minor-gc.ts`. */
export const v8: Part = {
  name: "v8",
  async *run() {
    const rows = [];
    for (const [subject, before] of [
      ["V8's defaults", ""],
      ["with the gateway's flags", WITH_FLAGS],
    ] as const)
      rows.push({
        subject,
        "sites that allocate as old": await sitesOfOld(before),
        "compiled after marks": (await compiledAfterMarks(before)).join(" "),
        "growth of the heap": (await growths(before)).join(" "),
      });
    yield {
      title: "what V8 does with the heap's flags",
      notes: [
        "The flags work if no site allocates as old, code is still compiled after each of six marks that found no object of its kind, and the heap may grow to twice its live size after each of four marks.",
      ],
      rows,
    };
    yield {
      title: "collections of the young generation",
      notes: ["One for each 16 MB of a body's blocks, and none below."],
      rows: await collections(),
    };
  },
};

/** The lines that a process prints when it runs this program. */
async function printed(program: string, flags: readonly string[]): Promise<string[]> {
  const { stdout } = await run(process.execPath, [...flags, "--input-type=module", "--eval", program], {
    maxBuffer: 64 * 1_048_576,
  });
  return stdout.split("\n").filter((line) => line !== "");
}

/** How many allocation sites V8 pretenures in a process all of whose objects survive for a while. */
async function sitesOfOld(before: string): Promise<number> {
  const program = `
    ${before}
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

/**
 * Whether a function is still compiled after each of six marks of a heap without an object of the kind that
 * it is optimised for.
 */
async function compiledAfterMarks(before: string): Promise<string[]> {
  const program = `
    ${before}
    const sum = (o) => o.a + o.b;
    const shaped = () => { const o = {}; o.a = 1; o.b = 2; return o; };
    const work = () => { for (let i = 0; i < 100_000; i += 1) sum(shaped()); };
    %PrepareFunctionForOptimization(sum);
    work();
    %OptimizeFunctionOnNextCall(sum);
    work();
    const tell = () => console.log((%GetOptimizationStatus(sum) & 16) !== 0 ? "yes" : "no");
    tell();
    for (let i = 0; i < 6; i += 1) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
      tell();
    }
  `;
  return printed(program, ["--expose-gc", "--allow-natives-syntax"]);
}

/**
 * How much V8 lets the heap grow after each of four marks, as a multiple of its live size, by V8's own trace.
 */
async function growths(before: string): Promise<string[]> {
  const program = `
    ${before}
    globalThis.kept = Array.from({ length: 300_000 }, (_, i) => ({ i, list: [i] }));
    for (let i = 0; i < 4; i += 1) globalThis.gc();
  `;
  const lines = await printed(program, ["--expose-gc", "--trace-gc-verbose"]);
  return lines.flatMap((line) => /\[HeapController\] factor ([\d.]+)/.exec(line)?.[1] ?? []);
}

/** How many minor collections follow that many megabytes of blocks. */
async function collections(): Promise<{ "MB read": number; collections: number }[]> {
  const program = `
    import { PerformanceObserver } from "node:perf_hooks";
    import { countRead } from ${JSON.stringify(join(HERE, "src/http/proxy/minor-gc.ts"))};
    let minor = 0;
    const observer = new PerformanceObserver((list) => {
      // A scavenge is kind 1 (NODE_PERFORMANCE_GC_MINOR).
      for (const { detail } of list.getEntries()) if (detail.kind === 1) minor += 1;
    });
    observer.observe({ entryTypes: ["gc"] });
    const block = Buffer.alloc(65_536);
    let read = 0;
    for (const blocks of [255, 1, 256 * 5]) {
      for (let i = 0; i < blocks; i += 1) countRead(block);
      read += blocks / 16;
      // V8 tells of them some time later.
      await new Promise((resolve) => setTimeout(resolve, 500));
      console.log([read, minor].join());
    }
  `;
  const lines = await printed(program, []);
  return lines.map((line) => {
    const [read = NaN, minor = NaN] = line.split(",").map(Number);
    return { "MB read": read, collections: minor };
  });
}
