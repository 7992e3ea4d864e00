import { execFile } from "node:child_process";
import { PerformanceObserver } from "node:perf_hooks";
import { promisify } from "node:util";
import t from "tap";
import { atTurnsEnd } from "../../../src/native/turn.ts";
import { countRead } from "../../../src/native/young.ts";

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

t.test(
  "what waits for a turn's end happens then, in its order, and what it brings at the next",
  async (t) => {
    const done: string[] = [];
    atTurnsEnd(() => {
      done.push("first");
      atTurnsEnd(() => done.push("brought"));
    });
    await Promise.resolve();
    process.nextTick(() => atTurnsEnd(() => done.push("second")));
    await Promise.resolve();
    t.strictSame(done, [], "not in the middle of it");
    await turn();
    t.strictSame(done, ["first", "second"]);
    await turn();
    t.strictSame(done, ["first", "second", "brought"]);
  },
);

t.test("a task that throws is a fault, and keeps no other from its turn", async (t) => {
  const program = `
    const { atTurnsEnd } = await import(${JSON.stringify(new URL("../../../src/native/turn.ts", import.meta.url).href)});
    process.once("uncaughtException", ({ message }) => console.log(message));
    atTurnsEnd(() => { throw new Error("a fault"); });
    atTurnsEnd(() => console.log("the next"));`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program]);
  t.equal(stdout, "the next\na fault\n");
});

t.test("so many bytes of streams make V8 collect what is young, and fewer do not", async (t) => {
  const minor: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (isMinor(entry)) minor.push(entry.duration);
  });
  observer.observe({ entryTypes: ["gc"] });
  t.teardown(() => observer.disconnect());
  const block = Buffer.alloc(65_536);
  const count = async (blocks: number): Promise<number> => {
    const before = minor.length;
    for (let i = 0; i < blocks; i += 1) countRead(block);
    // V8 tells of them some time later.
    await new Promise((resolve) => void setTimeout(resolve, 100));
    return minor.length - before;
  };
  t.equal(await count(127), 0, "below 8 MB none");
  t.equal(await count(1), 1, "at 8 MB one");
  t.equal(await count(128 * 5), 5, "and one for each 8 MB more");
});

/** A scavenge is kind 1 (`NODE_PERFORMANCE_GC_MINOR`). */
function isMinor(entry: object): boolean {
  if (!("detail" in entry)) return false;
  const { detail } = entry;
  return typeof detail === "object" && detail !== null && "kind" in detail && detail.kind === 1;
}
