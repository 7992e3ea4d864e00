import { execFile } from "node:child_process";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import t from "tap";
import { scheduleEndOfTick, flushTick } from "../../../src/core/async/end-of-tick.ts";

t.test(
  "what waits for a turn's end happens then, in its order, and what it brings at the next",
  async (t) => {
    const done: string[] = [];
    scheduleEndOfTick("write", () => {
      done.push("first");
      scheduleEndOfTick("write", () => done.push("brought"));
    });
    await Promise.resolve();
    process.nextTick(() => scheduleEndOfTick("write", () => done.push("second")));
    await Promise.resolve();
    t.strictSame(done, [], "not in the middle of it");
    await turn();
    t.strictSame(done, ["first", "second"]);
    await turn();
    t.strictSame(done, ["first", "second", "brought"]);
  },
);

t.test("answers go out first, then come those of the CMS, and the log is last", async (t) => {
  const done: string[] = [];
  for (const kind of ["report", "hear", "write", "report", "hear", "write"] as const)
    scheduleEndOfTick(kind, () => done.push(kind));
  await turn();
  t.strictSame(done, ["write", "write", "hear", "hear", "report", "report"]);
});

t.test(
  "a turn can be ended at once, in the same order, and what comes after waits for the next end",
  async (t) => {
    const done: string[] = [];
    scheduleEndOfTick("report", () => done.push("report"));
    scheduleEndOfTick("write", () => done.push("write"));
    flushTick();
    t.strictSame(done, ["write", "report"]);
    scheduleEndOfTick("write", () => done.push("another"));
    t.equal(done.length, 2);
    await turn();
    t.strictSame(done, ["write", "report", "another"], "and nothing twice");
  },
);

t.test("a task that throws is a fault, and keeps no other from its turn", async (t) => {
  const program = `
    const { atTurnsEnd } = await import(${JSON.stringify(new URL("../../../src/core/async/end-of-tick.ts", import.meta.url).href)});
    process.once("uncaughtException", ({ message }) => console.log(message));
    atTurnsEnd("write", () => { throw new Error("a fault"); });
    atTurnsEnd("write", () => console.log("the next"));`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program]);
  t.equal(stdout, "the next\na fault\n");
});
