import type { Patch } from "../support/mutants.ts";

/** A gateway with one fault, and the test files of which at least one must fail for it. */
export interface SuiteMutant {
  readonly area: "revocation" | "framing" | "limits" | "draining" | "sharing" | "writes";
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Paths below the project's root, the fastest first. */
  readonly tests: readonly string[];
}
