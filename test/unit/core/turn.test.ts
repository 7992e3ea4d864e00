import { execFile } from "node:child_process";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import t from "tap";
import { atTurnsEnd, endTurn } from "../../../src/core/turn.ts";

t.test(
  "what waits for a turn's end happens then, in its order, and what it brings at the next",
  async (t) => {
    const done: string[] = [];
    atTurnsEnd("write", () => {
      done.push("first");
      atTurnsEnd("write", () => done.push("brought"));
    });
    await Promise.resolve();
    process.nextTick(() => atTurnsEnd("write", () => done.push("second")));
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
    atTurnsEnd(kind, () => done.push(kind));
  await turn();
  t.strictSame(done, ["write", "write", "hear", "hear", "report", "report"]);
});

t.test(
  "a turn can be ended at once, in the same order, and what comes after waits for the next end",
  async (t) => {
    const done: string[] = [];
    atTurnsEnd("report", () => done.push("report"));
    atTurnsEnd("write", () => done.push("write"));
    endTurn();
    t.strictSame(done, ["write", "report"]);
    atTurnsEnd("write", () => done.push("another"));
    t.equal(done.length, 2);
    await turn();
    t.strictSame(done, ["write", "report", "another"], "and nothing twice");
  },
);

t.test("a task that throws is a fault, and keeps no other from its turn", async (t) => {
  const program = `
    const { atTurnsEnd } = await import(${JSON.stringify(new URL("../../../src/core/turn.ts", import.meta.url).href)});
    process.once("uncaughtException", ({ message }) => console.log(message));
    atTurnsEnd("write", () => { throw new Error("a fault"); });
    atTurnsEnd("write", () => console.log("the next"));`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program]);
  t.equal(stdout, "the next\na fault\n");
});
