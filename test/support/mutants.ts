/**
 * Gateways with a law switched off each, made by replacing text of a source file as it is loaded. Where a second line
 * of defence stands behind a law, the mutant switches off both: the first alone would show as an outage, not as a leak.
 */

/** One replacement. `find` occurs exactly once in the file, or the mutant is a dead letter (a test holds that). */
export interface Patch {
  /** Below `src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A gateway that is broken in one way, and the blocks of the matrix of which one at least must see it. */
export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly blocks: readonly string[];
  /** True where the two tenants are of one group, which shares events and venues. */
  readonly inGroup?: boolean;
}
