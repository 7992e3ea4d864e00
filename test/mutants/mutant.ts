import type { Patch } from "../support/mutants.ts";

/** A gateway with one fault, and the test files that guard against it: at least one must fail. */
export interface SuiteMutant {
  readonly area: "revocation" | "framing" | "limits" | "draining" | "sharing" | "writes";
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Paths below the project's root, the fastest first. */
  readonly tests: readonly string[];
}
