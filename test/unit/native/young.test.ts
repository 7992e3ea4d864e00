import { PerformanceObserver } from "node:perf_hooks";
import t from "tap";
import { countRead } from "../../../src/native/young.ts";

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
  t.equal(await count(255), 0, "below 16 MB none");
  t.equal(await count(1), 1, "at 16 MB one");
  t.equal(await count(256 * 5), 5, "and one for each 16 MB more");
});

/** A scavenge is kind 1 (`NODE_PERFORMANCE_GC_MINOR`). */
function isMinor(entry: object): boolean {
  if (!("detail" in entry)) return false;
  const { detail } = entry;
  return typeof detail === "object" && detail !== null && "kind" in detail && detail.kind === 1;
}
