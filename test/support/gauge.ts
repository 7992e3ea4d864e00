import { existsSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { heapAfterCollection } from "./heap.ts";

/**
 * Loaded into a gateway's process before it: on SIGUSR2 it says, as one line, how large and how busy the process is.
 * Bytes and milliseconds. `heap` is what is in use after a collection; `pages` is what V8 keeps of the system's memory
 * for its heap, used or not, and `malloc` what the C library keeps; the rest of `rss` is code.
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
/** V8 maps its heap in pieces of this size; glibc's further heaps begin at multiples of that one. */
const V8_PAGE = 0x4_0000;
const ARENA = 0x400_0000;

/** Where the resident memory lies, as far as Linux tells. */
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
