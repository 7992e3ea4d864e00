/**
 * Gateways with one rule switched off each, made by replacing text of a source file as it is loaded. If a
 * second check stands behind a rule, the mutant switches off both; otherwise it would cause an outage instead
 * of a leak.
 */

/** One replacement. `find` occurs exactly once in the file, which a test verifies. */
export interface Patch {
  /** The path below `src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A gateway with one fault, and the blocks of the matrix: at least one must detect it. */
export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly blocks: readonly string[];
  /** True if the two tenants are of one group, which shares events and venues. */
  readonly inGroup?: boolean;
}
