/** The severity of a finding. `note`: nothing to change. `unknown`: the check could not decide. */
export type Severity = "high" | "medium" | "low" | "note" | "ok" | "unknown";

/** The finding of one check of an installation. */
export interface AuditFinding {
  readonly check: string;
  readonly severity: Severity;
  /** The observation. Contains no secret and no record. */
  readonly seen: string;
  /** The change to make, if one is needed. */
  readonly change?: string;
}
