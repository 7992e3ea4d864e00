import { monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapSpaceStatistics } from "node:v8";
import { heapAfterCollection } from "./heap.ts";

/**
 * Loaded into a gateway's process before it: on SIGUSR2 it says, as one line, how large and how busy the process is.
 * Bytes and milliseconds. `heap` is what is in use after a collection; `young` and `old` is what V8 keeps of the
 * system's memory for its heap, used or not; the rest of `rss` is code, buffers and whatever C and C++ allocate.
 */
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.on("SIGUSR2", () => {
  const p99 = delay.percentile(99) / 1e6;
  const kinds = process.getActiveResourcesInfo();
  const count = (kind: string): number => kinds.filter((one) => one === kind).length;
  const heap = heapAfterCollection();
  const spaces = getHeapSpaceStatistics();
  const young = sum(spaces.filter(({ space_name: name }) => name.startsWith("new")));
  const gauge = {
    msg: "gauge",
    heap,
    young,
    old: sum(spaces) - young,
    rss: process.memoryUsage.rss(),
    sockets: count("TCPSocketWrap"),
    timers: count("Timeout"),
    resources: kinds.length,
    p99,
  };
  delay.reset();
  process.stdout.write(`${JSON.stringify(gauge)}\n`);
});

function sum(spaces: readonly { readonly physical_space_size: number }[]): number {
  return spaces.reduce((bytes, space) => bytes + space.physical_space_size, 0);
}
