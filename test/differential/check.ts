import * as fc from "fast-check";

import { SEQUENCES } from "./sequences.ts";
import type { Step } from "./steps.ts";
import type { Found, Twins } from "./twins.ts";

/** The smallest differing sequence, and its difference. */
export interface Finding {
  readonly sequence: readonly Step[];
  readonly found: Found | undefined;
}

/** Runs `count` generated sequences. Returns the differing one in its smallest form, or `undefined`. */
export async function check(
  twins: Twins,
  { seed, count }: { readonly seed: number; readonly count: number },
): Promise<Finding | undefined> {
  const property = fc.asyncProperty(SEQUENCES, async (sequence) => (await twins.run(sequence)) === undefined);
  const result = await fc.check(property, { seed, numRuns: count });
  const [sequence] = result.counterexample ?? [];
  return sequence === undefined ? undefined : { sequence, found: await twins.run(sequence) };
}
