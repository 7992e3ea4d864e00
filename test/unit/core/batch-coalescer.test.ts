import t from "tap";
import { BatchCoalescer } from "../../../src/core/async/batch-coalescer.ts";

t.test("calls during a batch share the next batch", async (t) => {
  const rounds: { readonly wishes: readonly string[]; readonly end: (result: string) => void }[] = [];
  const work = new BatchCoalescer<string, string>(
    (wishes) => new Promise((resolve) => void rounds.push({ wishes, end: resolve })),
  );
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  const first = work.join("a");
  await turn();
  const [second, third] = [work.join("b"), work.join("c")];
  await turn();
  t.equal(rounds.length, 1, "a batch that began before a call does not serve it");
  rounds[0]?.end("one");
  t.equal(await first, "one");
  await turn();
  const fourth = work.join("d");
  await turn();
  t.equal(rounds.length, 2);
  rounds[1]?.end("two");
  t.strictSame(await Promise.all([second, third]), ["two", "two"]);
  await turn();
  rounds[2]?.end("three");
  t.equal(await fourth, "three");
  t.strictSame(
    rounds.map(({ wishes }) => wishes),
    [["a"], ["b", "c"], ["d"]],
  );
});

t.test("only the next batch waits for the rest after a batch", async (t) => {
  const rests: (() => void)[] = [];
  const rounds: (readonly string[])[] = [];
  const work = new BatchCoalescer<string, number>(
    async (wishes) => rounds.push(wishes),
    () => new Promise((resolve) => void rests.push(resolve)),
  );
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  t.ok(work.isAtRest);
  t.equal(await work.join("a"), 1, "the first call resolves before the rest is over");
  t.notOk(work.isAtRest);
  const later = [work.join("b"), work.join("c")];
  await turn();
  t.strictSame(rounds, [["a"]]);
  rests[0]?.();
  t.strictSame(await Promise.all(later), [2, 2]);
  t.strictSame(rounds, [["a"], ["b", "c"]]);
  await turn();
  rests[1]?.();
  await turn();
  t.ok(work.isAtRest);
});
