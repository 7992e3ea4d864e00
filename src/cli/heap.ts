import { setFlagsFromString } from "node:v8";

/**
 * Has V8 put all that is new among what is young. Else it allocates what survives its first collections as old, for good,
 * and it decides so by the first hundred requests: they are slow, since nothing is compiled yet, and under load all that
 * they hold survives. What then dies at the next request stays until the whole heap is marked, with all that it leads to.
 * It befell one process in ten, which took half as much time again for everything (Node 24.21, V8 13.6:
 * `docs/performance.md`).
 */
export function beginYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
