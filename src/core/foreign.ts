import type { RecordId } from "./context.ts";

/**
 * The places in an answer for which the gateway constrains its request to the scope, where a breach is
 * possible.
 */
export const PLACES = ["main", "join"] as const;

/** A place in an answer. */
export type Place = (typeof PLACES)[number];

/**
 * Records outside the scope, at one place of one answer and of one collection, although the request was
 * constrained.
 */
export interface Breach {
  readonly requestId: string;
  readonly place: Place;
  /** `refused`: the whole answer; `replaced`: omitted from a join's list; `observed`: sent to the client. */
  readonly action: "refused" | "replaced" | "observed";
  /** The collection; `other` if it is not configured, `unknown` if the answer does not show it. */
  readonly collection: string;
  readonly count: number;
}

/** The type of a withheld value: a populated relation, a join field, or a virtual field. */
export type ValueKind = "relation" | "join" | "virtual";

/**
 * Values of one field in one answer that are not provably in scope, and for which the request could not be
 * constrained. They are not a breach: a CMS without access rules of its own populates relations and joins
 * with any tenant's records.
 */
export interface WithheldValues {
  readonly requestId: string;
  readonly kind: ValueKind;
  /** `observed`: the values were sent to the client. */
  readonly action: "withheld" | "observed";
  /** The collection of the record that has the field; `other` and `unknown` as above. */
  readonly collection: string;
  /** The field's path in that record, without indices; `other` for names that are no field of the CMS. */
  readonly path: string;
  readonly count: number;
}

/** Records of a list that the CMS cannot read. The list was sent without them. */
export interface UnreadableRecords {
  readonly requestId: string;
  readonly collection: string;
  readonly ids: readonly RecordId[];
}

/** The events of the check of answers: breaches, withheld values and unreadable records. */
export interface AnswerEvents {
  isolation(breach: Breach): void;
  withheld(values: WithheldValues): void;
  unreadable(records: UnreadableRecords): void;
}
