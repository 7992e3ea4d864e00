import t from "tap";
import { CancellationSource } from "../../../src/core/async/cancellation.ts";

t.test("an abort calls each listener once, in order, and keeps the first reason", async (t) => {
  const lifetime = new CancellationSource();
  const told: string[] = [];
  lifetime.addEventListener("abort", () => told.push("first"));
  lifetime.addEventListener("abort", () => told.push("second"));
  lifetime.abort("why");
  lifetime.abort("another reason");
  t.strictSame([lifetime.aborted, lifetime.reason, told], [true, "why", ["first", "second"]]);
});

t.test("like an AbortSignal, it calls no listener that was removed or added after the abort", async (t) => {
  for (const ending of [new CancellationSource(), new AbortController()]) {
    const signal = "signal" in ending ? ending.signal : ending;
    const told: string[] = [];
    const gone = (): void => void told.push("removed");
    const removedMeanwhile = (): void => void told.push("removed by another");
    signal.addEventListener("abort", gone);
    signal.addEventListener("abort", () => signal.removeEventListener("abort", removedMeanwhile));
    signal.addEventListener("abort", removedMeanwhile);
    signal.addEventListener("abort", () => void told.push("stayed"));
    signal.removeEventListener("abort", gone);
    ending.abort("why");
    signal.addEventListener("abort", () => void told.push("late"));
    t.strictSame(told, ["stayed"], ending.constructor.name);
  }
});
