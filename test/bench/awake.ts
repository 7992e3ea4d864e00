import { closeSync, openSync, writeSync } from "node:fs";

/**
 * While this file is open, Linux keeps to the wake-up latency written to it, in microseconds
 * (pm_qos_interface.rst).
 */
const LATENCY = "/dev/cpu_dma_latency";

/**
 * Prevents the machine's idle cores from halting until the returned function is called. Returns nothing if
 * that is not permitted (it requires root). A halted core takes time to wake, above all on a virtual machine,
 * where the hypervisor decides how long. The delay would count as the subject's latency.
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
