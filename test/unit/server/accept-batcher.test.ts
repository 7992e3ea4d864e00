import { setImmediate as turn } from "node:timers/promises";
import t from "tap";
import { AcceptBatcher } from "../../../src/server/accept-batcher.ts";

/** A backlog whose time is moved by hand, and what was done so far. */
function prepare() {
  const time = { now: 0 };
  const backlog = new AcceptBatcher(() => time.now);
  const done: string[] = [];
  const add = (name: string): void => backlog.add(() => void done.push(name));
  return { time, backlog, done, add };
}

t.test("requests of one turn begin together at its end, where no connection came", async (t) => {
  const { done, add } = prepare();
  add("a");
  await Promise.resolve();
  process.nextTick(() => add("b"));
  await Promise.resolve();
  t.strictSame(done, []);
  await turn();
  t.strictSame(done, ["a", "b"]);
});

t.test("requests wait for the first turn that brings no connection, and keep their order", async (t) => {
  const { backlog, done, add } = prepare();
  for (const name of ["a", "b", "c"]) {
    backlog.taken();
    add(name);
    await turn();
    t.strictSame(done, [], `in the turn of ${name}`);
  }
  await turn();
  t.strictSame(done, ["a", "b", "c"]);
  add("d");
  await turn();
  t.strictSame(done, ["a", "b", "c", "d"], "and nobody for longer than a turn after that");
});

t.test("connections without end keep nobody waiting for more than ten milliseconds", async (t) => {
  const { time, backlog, done, add } = prepare();
  for (; time.now < 10; time.now += 1) {
    backlog.taken();
    add(`at ${time.now}`);
    await turn();
    t.strictSame(done, []);
  }
  backlog.taken();
  await turn();
  t.equal(done.length, 10);
  add("alone");
  await turn();
  t.equal(done.at(-1), "alone", "and those connections hold up nobody who comes after");
  backlog.taken();
  add("later");
  t.equal(done.length, 11, "the next one waits again, for as long as that");
  await turn();
  await turn();
  t.strictSame(done.at(-1), "later");
});
