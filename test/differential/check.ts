import * as fc from "fast-check";

import { SEQUENCES } from "./sequences.ts";
import type { Step } from "./steps.ts";
import type { Found, Twins } from "./twins.ts";

/** The smallest sequence that was found to differ, and how. */
export interface Finding {
  readonly sequence: readonly Step[];
  readonly found: Found | undefined;
}

/** Runs `count` generated sequences; the one that differs, made as small as it gets, or `undefined`. */
export async function check(
  twins: Twins,
  { seed, count }: { readonly seed: number; readonly count: number },
): Promise<Finding | undefined> {
  const property = fc.asyncProperty(SEQUENCES, async (sequence) => (await twins.run(sequence)) === undefined);
  const result = await fc.check(property, { seed, numRuns: count });
  const [sequence] = result.counterexample ?? [];
  return sequence === undefined ? undefined : { sequence, found: await twins.run(sequence) };
}
