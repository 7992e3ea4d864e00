import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** The bytes of heap that are still in use after everything that can be has been collected. */
export function heapAfterCollection(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  for (let i = 0; i < 3; i++) if (typeof collect === "function") collect();
  return process.memoryUsage().heapUsed;
}
