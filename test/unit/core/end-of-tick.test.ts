import { execFile } from "node:child_process";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import t from "tap";
import { scheduleEndOfTick, flushTick } from "../../../src/core/async/end-of-tick.ts";

t.test(
  "tasks run in order at the end of the iteration, and tasks that they schedule in the next one",
  async (t) => {
    const done: string[] = [];
    scheduleEndOfTick("write", () => {
      done.push("first");
      scheduleEndOfTick("write", () => done.push("scheduled by the first"));
    });
    await Promise.resolve();
    process.nextTick(() => scheduleEndOfTick("write", () => done.push("second")));
    await Promise.resolve();
    t.strictSame(done, [], "not before the end of the iteration");
    await turn();
    t.strictSame(done, ["first", "second"]);
    await turn();
    t.strictSame(done, ["first", "second", "scheduled by the first"]);
  },
);

t.test("writes run first, then the CMS's answers, then the reports", async (t) => {
  const done: string[] = [];
  for (const kind of ["report", "hear", "write", "report", "hear", "write"] as const)
    scheduleEndOfTick(kind, () => done.push(kind));
  await turn();
  t.strictSame(done, ["write", "write", "hear", "hear", "report", "report"]);
});

t.test(
  "a flush runs all tasks at once in the same order, and later tasks at the end of the iteration",
  async (t) => {
    const done: string[] = [];
    scheduleEndOfTick("report", () => done.push("report"));
    scheduleEndOfTick("write", () => done.push("write"));
    flushTick();
    t.strictSame(done, ["write", "report"]);
    scheduleEndOfTick("write", () => done.push("another"));
    t.equal(done.length, 2);
    await turn();
    t.strictSame(done, ["write", "report", "another"], "no task runs twice");
  },
);

t.test("a task that throws causes an uncaught exception, and the other tasks still run", async (t) => {
  const program = `
    const { scheduleEndOfTick } = await import(${JSON.stringify(new URL("../../../src/core/async/end-of-tick.ts", import.meta.url).href)});
    process.once("uncaughtException", ({ message }) => console.log(message));
    scheduleEndOfTick("write", () => { throw new Error("a fault"); });
    scheduleEndOfTick("write", () => console.log("the next"));`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program]);
  t.equal(stdout, "the next\na fault\n");
});
