import t from "tap";
import { countRead, readCounter, minorGcTrigger } from "../../../../src/http/proxy/minor-gc.ts";

// What V8 does with it is measured: `npm run bench -- --parts v8`.

t.test("every 16 MB of blocks call for one collection of the young generation", (t) => {
  let collections = 0;
  const count = readCounter(() => (collections += 1));
  const block = Buffer.alloc(65_536);
  const after = (blocks: number): number => {
    for (let i = 0; i < blocks; i += 1) count(block);
    return collections;
  };
  t.equal(after(255), 0, "below 16 MB none");
  t.equal(after(1), 1, "at 16 MB one");
  t.equal(after(255), 1, "the count begins anew");
  t.equal(after(1), 2);
  t.equal(after(256 * 5), 7, "and one for each 16 MB more");
  t.end();
});

/** A collector of a process whose V8 has this for `gc`, and what it did in its order. */
function collectorOf(gc: unknown) {
  const done: string[] = [];
  const collect = minorGcTrigger({
    setFlag: (flag) => done.push(flag),
    evaluate: (expression) => {
      done.push(expression);
      return gc;
    },
  });
  return { collect, done };
}

t.test("a collector asks V8 for its function once, and for minor collections only", (t) => {
  const asked: unknown[] = [];
  const { collect, done } = collectorOf((kind: unknown) => asked.push(kind));
  t.strictSame(done, [], "not before it is needed: the flag costs an idle process nothing");
  collect();
  collect();
  t.strictSame(done, ["--expose-gc", "globalThis.gc"]);
  t.strictSame(asked, [{ type: "minor" }, { type: "minor" }]);
  t.end();
});

t.test("a V8 without the function is left alone", (t) => {
  const { collect, done } = collectorOf(undefined);
  collect();
  collect();
  t.strictSame(done, ["--expose-gc", "globalThis.gc"]);
  t.end();
});

t.test("the counter of this process works with the V8 of this Node, and hides its function", (t) => {
  for (let i = 0; i < 600; i += 1) countRead({ length: 65_536 });
  t.equal(Reflect.get(globalThis, "gc"), undefined);
  t.end();
});
