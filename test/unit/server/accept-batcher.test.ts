import { setImmediate as turn } from "node:timers/promises";
import t from "tap";
import { AcceptBatcher } from "../../../src/server/accept-batcher.ts";

/** A batcher with a clock that the test moves, and the tasks that have run. */
function prepare() {
  const time = { now: 0 };
  const batcher = new AcceptBatcher(() => time.now);
  const done: string[] = [];
  const add = (name: string): void => batcher.add(() => void done.push(name));
  return { time, batcher, done, add };
}

t.test("starts the requests of a turn together at its end if no connection was accepted", async (t) => {
  const { done, add } = prepare();
  add("a");
  await Promise.resolve();
  process.nextTick(() => add("b"));
  await Promise.resolve();
  t.strictSame(done, []);
  await turn();
  t.strictSame(done, ["a", "b"]);
});

t.test("delays requests to the first turn without a new connection and keeps their order", async (t) => {
  const { batcher, done, add } = prepare();
  for (const name of ["a", "b", "c"]) {
    batcher.taken();
    add(name);
    await turn();
    t.strictSame(done, [], `in the turn of ${name}`);
  }
  await turn();
  t.strictSame(done, ["a", "b", "c"]);
  add("d");
  await turn();
  t.strictSame(done, ["a", "b", "c", "d"], "no request waits longer than one more turn");
});

t.test("an endless series of connections delays requests for at most 10 ms", async (t) => {
  const { time, batcher, done, add } = prepare();
  for (; time.now < 10; time.now += 1) {
    batcher.taken();
    add(`at ${time.now}`);
    await turn();
    t.strictSame(done, []);
  }
  batcher.taken();
  await turn();
  t.equal(done.length, 10);
  add("alone");
  await turn();
  t.equal(done.at(-1), "alone", "those connections do not delay a later request");
  batcher.taken();
  add("later");
  t.equal(done.length, 11, "the next request waits again, for the same time");
  await turn();
  await turn();
  t.strictSame(done.at(-1), "later");
});
