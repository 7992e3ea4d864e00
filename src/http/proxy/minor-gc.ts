import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So many bytes read make a collection of the young generation worth its while, in a heap that doubles between marks. */
const WORTH = 16 * 1_048_576;

/** What of Node a collector is made with. */
export interface CollectorPorts {
  readonly setFlag: (flag: string) => void;
  /** The value of an expression in a new context. */
  readonly evaluate: (expression: string) => unknown;
}

/**
 * Returns a counter of the blocks of bodies that are read. It calls `collect` at every so many bytes. V8 counts blocks as
 * memory of the old generation, though nearly all are dead soon after they were born: every 30 MB or so it marks the
 * whole heap, which costs a fast stream a third of its speed and everybody else pauses of some ten milliseconds.
 * Collecting the young generation before that takes a quarter to half of one (Node 24.21, V8 13.6:
 * `docs/performance.md`; `npm run bench -- --parts v8`).
 */
export function readCounter(collect: () => void): (block: Pick<Buffer, "length">) => void {
  let read = 0;
  return ({ length }) => {
    read += length;
    if (read < WORTH) return;
    read = 0;
    collect();
  };
}

/**
 * Returns a collector of the young generation. V8's own function shows only in contexts that are made after its flag was
 * set. The collector does nothing where this V8 has no such function.
 */
export function minorGcTrigger(ports: CollectorPorts): () => void {
  let collect: (() => void) | undefined;
  return () => {
    collect ??= collectorBy(ports);
    collect();
  };
}

function collectorBy({ setFlag, evaluate }: CollectorPorts): () => void {
  setFlag("--expose-gc");
  const gc = evaluate("globalThis.gc");
  return typeof gc === "function" ? () => void gc({ type: "minor" }) : () => undefined;
}

/** Is told of each block of a body that was read in this process. */
export const countRead = readCounter(
  minorGcTrigger({ setFlag: setFlagsFromString, evaluate: (expression) => runInNewContext(expression) }),
);
