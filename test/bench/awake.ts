import { closeSync, openSync, writeSync } from "node:fs";

/** Linux keeps to the latency, in microseconds, that stands in it, as long as it is open (pm_qos_interface.rst). */
const LATENCY = "/dev/cpu_dma_latency";

/**
 * Keeps the machine's cores from halting when they have nothing to do, until the function returned is called; nothing
 * is returned where that is not allowed (it takes root). A core that halted takes its time to wake, that of a virtual
 * machine above all, and its hypervisor decides how long: it is charged to whatever runs on it.
 */
export function keepAwake(): (() => void) | undefined {
  try {
    const file = openSync(LATENCY, "r+");
    writeSync(file, Buffer.alloc(4));
    return () => closeSync(file);
  } catch {
    return undefined;
  }
}
