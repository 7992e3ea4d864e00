import cluster from "node:cluster";
import { existsSync, writeSync } from "node:fs";
import { join } from "node:path";

/** The file in the program's working directory at which a replacement worker continues to load. */
export const LOADING_ENDS = "loading-ends";

// Preloaded into the program: a replacement worker is slow to load, as on a busy machine. It logs that it has
// begun, and blocks until the test writes the file.
if ((cluster.worker?.id ?? 0) > 2) {
  writeSync(1, `{"msg":"worker loads"}\n`);
  const still = new Int32Array(new SharedArrayBuffer(4));
  // The interval between two checks for the file; this thread has no other work.
  while (!existsSync(join(process.cwd(), LOADING_ENDS))) Atomics.wait(still, 0, 0, 20);
}
