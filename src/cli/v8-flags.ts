import { setFlagsFromString } from "node:v8";

/**
 * V8 flags for a server that starts small, serves similar requests, and runs for months. None of them changes
 * the semantics of JavaScript (Node 24.21, V8 13.6; the effect of each is in `docs/performance.md`).
 */
export const HEAP_FLAGS: readonly string[] = [
  // By default V8 permanently allocates in the old generation what survived its first collections. It decides
  // so during the first hundreds of requests. They are slow, since nothing is compiled yet, and under load
  // all their objects survive. Objects of later requests then stay, with all that they reference, until the
  // whole heap is marked. This happened in one process in five, and made it take half as much time again for
  // everything.
  "--no-allocation-site-pretenuring",
  // V8 drops compiled code with its object shapes (maps), once two marks of the heap in a row have found no
  // object of them. A request's objects die with its answer. With few requests in flight, a mark dropped most
  // code, and compiling it again took CPU time from requests. The flag keeps only shapes in compiled code.
  "--retain-maps-for-n-gc=100",
  // The heap doubles between two marks. By default V8 lets it grow to four times its live size if allocation
  // is fast, and only a little if it is slow. A stream allocates few objects, but its blocks count: two marks
  // per gigabyte.
  "--heap-growing-percent=100",
];

/**
 * Sets the flags for this process. Call it before the process serves: later, earlier decisions of V8 remain.
 */
export function setUpHeap(set: (flag: string) => void = setFlagsFromString): void {
  for (const flag of HEAP_FLAGS) set(flag);
}
