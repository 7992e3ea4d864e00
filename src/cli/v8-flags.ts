import { setFlagsFromString } from "node:v8";

/**
 * Settings of V8 for a server that starts small, serves requests that differ little, and runs for months. None changes
 * what JavaScript may rely on (Node 24.21, V8 13.6; what each gave: `docs/performance.md`).
 */
export const HEAP_FLAGS: readonly string[] = [
  // Else V8 allocates as old, for good, what survived its first collections, and it decides so by the first hundreds of
  // requests: they are slow, since nothing is compiled yet, and under load all that they hold survives. What dies with a
  // later request then stays until the whole heap is marked, with all that it leads to. It befell one process in five,
  // which took half as much time again for everything.
  "--no-allocation-site-pretenuring",
  // Compiled code goes with the shapes (maps) of objects that it was compiled for, once two marks of the heap in a row
  // have seen no object of them. A request's objects are gone when its answer is: where few are under way, a mark threw
  // most code away, and compiling it again took the core from requests. Only shapes in compiled code are kept.
  "--retain-maps-for-n-gc=100",
  // The heap doubles between two marks. Of itself V8 lets it grow to four times what lives where new objects come fast,
  // and by little where they come slowly: a stream makes few, but its blocks count, and led to two marks a gigabyte.
  "--heap-growing-percent=100",
];

/** Sets them for this process. To be called before it serves; later it has no effect on what was decided before. */
export function setUpHeap(set: (flag: string) => void = setFlagsFromString): void {
  for (const flag of HEAP_FLAGS) set(flag);
}
