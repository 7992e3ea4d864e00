import { setTimeout as pause } from "node:timers/promises";
import t from "tap";
import { startProgram } from "../support/program.ts";
import { inTime } from "../support/raw.ts";

/** Loaded before the program: at this signal V8 marks the heap, and says how far it may grow after that. */
const TOLD = "SIGUSR2";
const TRACED = `data:text/javascript,${encodeURIComponent(`
  import { setFlagsFromString } from "node:v8";
  import { runInNewContext } from "node:vm";
  setFlagsFromString("--expose-gc");
  const mark = runInNewContext("gc");
  process.on("${TOLD}", () => {
    setFlagsFromString("--trace-gc-verbose");
    mark();
  });`)}`;

/** By process, how far the heap of each may grow, as a multiple of what lives. */
function growthsIn(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [, pid = "", factor = ""] of text.matchAll(/^\[(\d+):.*\[HeapController\] factor ([\d.]+)/gm))
    found.set(pid, (found.get(pid) ?? new Set()).add(factor));
  return found;
}

t.test("what starts sets up its heap, each worker as well", async (t) => {
  const program = await startProgram("http://127.0.0.1:1", {
    env: { WORKERS: "2" },
    preload: TRACED,
    group: true,
  });
  t.teardown(() => program.stop());
  const growths = (): Map<string, Set<string>> => growthsIn(program.output());
  const all = async (): Promise<void> => {
    // More than once: V8's words come in blocks.
    for (; growths().size < 3; await pause(200)) program.signal(TOLD);
  };
  await inTime(all(), () => `marks of three processes in ${program.output()}`, 60_000);
  for (const [pid, factors] of growths()) t.strictSame([...factors], ["2.0"], `process ${pid}`);
});
