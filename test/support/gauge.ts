import { existsSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { heapAfterCollection } from "./heap.ts";

/**
 * Preloaded into a gateway's process: at SIGUSR2 it prints one line with the process's size and load. Bytes
 * and milliseconds. `heap` is the heap in use after a collection; `pages` is the resident memory of V8's
 * heap, used or not; `malloc` is the C library's. The rest of `rss` is code.
 */
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.on("SIGUSR2", () => {
  const p99 = delay.percentile(99) / 1e6;
  const kinds = process.getActiveResourcesInfo();
  const count = (kind: string): number => kinds.filter((one) => one === kind).length;
  const heap = heapAfterCollection();
  const gauge = {
    msg: "gauge",
    heap,
    ...mapped(),
    rss: process.memoryUsage.rss(),
    sockets: count("TCPSocketWrap"),
    timers: count("Timeout"),
    resources: kinds.length,
    p99,
  };
  delay.reset();
  process.stdout.write(`${JSON.stringify(gauge)}\n`);
});

const SMAPS = "/proc/self/smaps";
/** V8 maps its heap in chunks of this size; glibc's further heaps begin at multiples of `ARENA`. */
const V8_PAGE = 0x4_0000;
const ARENA = 0x400_0000;

/** The resident memory by kind, as Linux reports it. */
function mapped(): { pages: number; malloc: number } {
  const sums = { pages: 0, malloc: 0, other: 0 };
  let kind: keyof typeof sums = "other";
  for (const line of existsSync(SMAPS) ? readFileSync(SMAPS, "utf8").split("\n") : []) {
    const [, from = "", to = "", name = ""] = /^([0-9a-f]+)-([0-9a-f]+) (?:\S+ +){4}(.*)$/.exec(line) ?? [];
    const [, resident] = /^Rss: +(\d+) kB/.exec(line) ?? [];
    if (from !== "") kind = kindOf(parseInt(from, 16), parseInt(to, 16), name);
    if (resident !== undefined) sums[kind] += Number(resident) * 1024;
  }
  const { pages, malloc } = sums;
  return { pages, malloc };
}

function kindOf(from: number, to: number, name: string): "pages" | "malloc" | "other" {
  if (name === "[heap]") return "malloc";
  if (name !== "") return "other";
  if (from % ARENA === 0) return "malloc";
  return (to - from) % V8_PAGE === 0 ? "pages" : "other";
}
