import cluster from "node:cluster";
import { existsSync, writeSync } from "node:fs";
import { join } from "node:path";

/** The file in the program's working directory at which a worker in another's place goes on loading. */
export const LOADING_ENDS = "loading-ends";

// Loaded before the program: a worker that takes another's place is slow to load, as on a machine that has much to do.
// It says that it has begun, and stands still until the test writes the file.
if ((cluster.worker?.id ?? 0) > 2) {
  writeSync(1, `{"msg":"worker loads"}\n`);
  const still = new Int32Array(new SharedArrayBuffer(4));
  // Between two looks at the file: this thread has nothing else to do.
  while (!existsSync(join(process.cwd(), LOADING_ENDS))) Atomics.wait(still, 0, 0, 20);
}
