import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** The bytes read after which a minor collection pays off, in a heap that doubles between two marks. */
const COLLECT_BYTES = 16 * 1_048_576;

/** The parts of Node that the trigger needs. */
export interface CollectorPorts {
  readonly setFlag: (flag: string) => void;
  /** Evaluates an expression in a new context. */
  readonly evaluate: (expression: string) => unknown;
}

/**
 * Returns a counter of the body blocks that are read; it calls `collect` every 16 MiB. V8 counts the blocks
 * as memory of the old generation, although nearly all die young. So it marks the whole heap every 30 MB or
 * so. The marking costs a fast stream a third of its speed, and all other requests pauses of about 10 ms. A minor
 * collection before that takes a quarter to half of a millisecond (Node 24.21, V8 13.6:
 * `docs/performance.md`; `npm run bench -- --parts v8`).
 */
export function readCounter(collect: () => void): (block: Pick<Buffer, "length">) => void {
  let read = 0;
  return ({ length }) => {
    read += length;
    if (read < COLLECT_BYTES) return;
    read = 0;
    collect();
  };
}

/**
 * Returns a function that collects the young generation. V8's `gc` exists only in contexts that are created
 * after its flag was set. Without it the function does nothing.
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

/** Counts each body block that is read in this process. */
export const countRead = readCounter(
  minorGcTrigger({ setFlag: setFlagsFromString, evaluate: (expression) => runInNewContext(expression) }),
);
