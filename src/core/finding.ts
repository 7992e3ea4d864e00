/** How much a finding matters: `note` asks for nothing, `unknown` could not be found out. */
export type Severity = "high" | "medium" | "low" | "note" | "ok" | "unknown";

/** What one check of an installation found. */
export interface AuditFinding {
  readonly check: string;
  readonly severity: Severity;
  /** What was seen. Holds no secret and no record. */
  readonly seen: string;
  /** What to change, where something has to be. */
  readonly change?: string;
}
