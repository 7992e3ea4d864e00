import t from "tap";
import { countRead, readCounter, minorGcTrigger } from "../../../../src/http/proxy/minor-gc.ts";

// A benchmark measures the effect on V8: `npm run bench -- --parts v8`.

t.test("every 16 MiB of blocks cause one minor collection", (t) => {
  let collections = 0;
  const count = readCounter(() => (collections += 1));
  const block = Buffer.alloc(65_536);
  const after = (blocks: number): number => {
    for (let i = 0; i < blocks; i += 1) count(block);
    return collections;
  };
  t.equal(after(255), 0, "none below 16 MiB");
  t.equal(after(1), 1, "at 16 MB one");
  t.equal(after(255), 1, "the count starts again");
  t.equal(after(1), 2);
  t.equal(after(256 * 5), 7, "one for each further 16 MiB");
  t.end();
});

/** A trigger in a process whose V8 has `gc`, with its actions in order. */
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

t.test("looks V8's function up once, and requests minor collections only", (t) => {
  const asked: unknown[] = [];
  const { collect, done } = collectorOf((kind: unknown) => asked.push(kind));
  t.strictSame(done, [], "not before the first use, so that an idle process does not pay for the flag");
  collect();
  collect();
  t.strictSame(done, ["--expose-gc", "globalThis.gc"]);
  t.strictSame(asked, [{ type: "minor" }, { type: "minor" }]);
  t.end();
});

t.test("does nothing in a V8 without the function", (t) => {
  const { collect, done } = collectorOf(undefined);
  collect();
  collect();
  t.strictSame(done, ["--expose-gc", "globalThis.gc"]);
  t.end();
});

t.test("the counter of this process works with this Node's V8 and does not expose `gc`", (t) => {
  for (let i = 0; i < 600; i += 1) countRead({ length: 65_536 });
  t.equal(Reflect.get(globalThis, "gc"), undefined);
  t.end();
});
