import t from "tap";
import { Backlog } from "../../../src/server/backlog.ts";

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A backlog whose time is moved by hand, and what was done so far. */
function prepare() {
  const time = { now: 0 };
  const backlog = new Backlog(() => time.now);
  const done: string[] = [];
  const after = (name: string): void => backlog.after(() => void done.push(name));
  return { time, backlog, done, after };
}

t.test("where no connection came, a request does not wait", async (t) => {
  const { done, after } = prepare();
  after("a");
  t.strictSame(done, ["a"]);
});

t.test("requests wait for the first turn that brings no connection, and keep their order", async (t) => {
  const { backlog, done, after } = prepare();
  for (const name of ["a", "b", "c"]) {
    backlog.taken();
    after(name);
    await turn();
    t.strictSame(done, [], `in the turn of ${name}`);
  }
  await turn();
  t.strictSame(done, ["a", "b", "c"]);
  after("d");
  t.strictSame(done, ["a", "b", "c", "d"], "and nobody after that");
});

t.test("connections without end keep nobody waiting for more than ten milliseconds", async (t) => {
  const { time, backlog, done, after } = prepare();
  for (; time.now < 10; time.now += 1) {
    backlog.taken();
    after(`at ${time.now}`);
    await turn();
    t.strictSame(done, []);
  }
  backlog.taken();
  await turn();
  t.equal(done.length, 10);
  backlog.taken();
  after("later");
  t.equal(done.length, 10, "the next one waits again, for as long as that");
  await turn();
  await turn();
  t.strictSame(done.at(-1), "later");
});
