import { monitorEventLoopDelay } from "node:perf_hooks";
import { heapAfterCollection } from "./heap.ts";

/** Loaded into a gateway's process before it: on SIGUSR2 it says, as one line, how large and how busy the process is. */
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.on("SIGUSR2", () => {
  const p99 = delay.percentile(99) / 1e6;
  const kinds = process.getActiveResourcesInfo();
  const count = (kind: string): number => kinds.filter((one) => one === kind).length;
  const gauge = {
    msg: "gauge",
    heap: heapAfterCollection(),
    rss: process.memoryUsage().rss,
    sockets: count("TCPSocketWrap"),
    timers: count("Timeout"),
    p99,
  };
  delay.reset();
  process.stdout.write(`${JSON.stringify(gauge)}\n`);
});
