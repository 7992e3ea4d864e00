import cluster from "node:cluster";

// Loaded before the program: whoever takes another worker's place is slow to load, as on a machine that has much to do.
if ((cluster.worker?.id ?? 0) > 2) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
