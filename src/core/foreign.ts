/**
 * Where in an answer a record outside the scope was found. `main` and `join` were asked for in scope: there it is a
 * breach. `relation` came along, as a CMS without access rules of its own sends it every day.
 */
export type Place = "main" | "join" | "relation";

/** Records outside the scope in one answer, of one place and collection, and what was done about them. */
export interface Finding {
  readonly requestId: string;
  readonly place: Place;
  /** `replaced`: by its id, or left out of a join's list; `refused`: the whole answer; `observed`: it has left. */
  readonly action: "replaced" | "refused" | "observed";
  /** `other` for a name that the configuration does not know, `unknown` where nothing tells. */
  readonly collection: string;
  readonly count: number;
}

/** Told of what an answer held that is not the scope's. */
export type OnForeign = (finding: Finding) => void;
