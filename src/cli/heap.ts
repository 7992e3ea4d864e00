import { setFlagsFromString } from "node:v8";

/**
 * Has V8 put all that is new among what is young. Else it allocates as old, for good, what survived its first collections,
 * and it decides so by the first hundreds of requests: they are slow, since nothing is compiled yet, and under load all
 * that they hold survives. What dies with a later request then stays until the whole heap is marked, with all that it
 * leads to. It befell one process in five, which took half as much time again for everything (Node 24.21, V8 13.6:
 * `docs/performance.md`).
 */
export function beginYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
