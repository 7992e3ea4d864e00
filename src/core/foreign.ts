import type { RecordId } from "./context.ts";

/** Where in an answer a breach can be found: at each place the gateway had asked the CMS for records in scope. */
export const PLACES = ["main", "join"] as const;

/** One of them. */
export type Place = (typeof PLACES)[number];

/** Records outside the scope in one answer, at one place and of one collection, although the CMS was asked in scope. */
export interface Breach {
  readonly requestId: string;
  readonly place: Place;
  /** `refused`: the whole answer; `replaced`: left out of a join's list; `observed`: it has left. */
  readonly action: "refused" | "replaced" | "observed";
  /** `other` for a name that the configuration does not know, `unknown` where nothing tells. */
  readonly collection: string;
  readonly count: number;
}

/** What a withheld value is: a populated relation, a join field, or a virtual field. */
export type ValueKind = "relation" | "join" | "virtual";

/**
 * Values of one field in one answer that do not prove to be in scope, and that the CMS was not asked for in scope. This
 * is no breach: a CMS without access rules of its own populates relations and joins with the records of anybody.
 */
export interface WithheldValues {
  readonly requestId: string;
  readonly kind: ValueKind;
  /** `observed`: the values have left. */
  readonly action: "withheld" | "observed";
  /** The collection of the record that has the field; `other` and `unknown` as above. */
  readonly collection: string;
  /** The field's path in that record, without indices; `other` for names that no field of the CMS's has. */
  readonly path: string;
  readonly count: number;
}

/** Records of a list that the CMS cannot read: the list went out without them. */
export interface UnreadableRecords {
  readonly requestId: string;
  readonly collection: string;
  readonly ids: readonly RecordId[];
}

/** Told of what an answer held that is not the scope's, or does not prove to be, and of what it could not hold. */
export interface AnswerEvents {
  isolation(breach: Breach): void;
  withheld(values: WithheldValues): void;
  unreadable(records: UnreadableRecords): void;
}
