/** The parts of a sequence: plain data, so that it can be printed, shrunk and kept as a case. */

/** A value of a body or a condition. `{ $of, $nth }` in it stands for the id of a record of the sequence. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

export type Data = Readonly<Record<string, Value>>;

/** Parameters of a query, by name: `{ "select[title]": "true" }`. */
export type Query = Readonly<Record<string, string>>;

/** A record: the `nth` known one of the collection, modulo their number. */
interface OfRecord {
  readonly in: string;
  readonly nth: number;
}

/** A request of the partner. */
export type PartnerStep =
  | { readonly do: "create"; readonly in: string; readonly data: Data; readonly query: Query }
  /** `brackets`: the condition is spelt `where[field][operator]=value`, in place of JSON. */
  | {
      readonly do: "list";
      readonly in: string;
      readonly query: Query;
      readonly where?: Value;
      readonly brackets?: boolean;
    }
  | ({ readonly do: "read"; readonly query: Query } & OfRecord)
  /** `lock`: with an `ifUpdatedAt` read from the main row or from the latest version, or with an old one. */
  | ({
      readonly do: "update";
      readonly data: Data;
      readonly query: Query;
      readonly put?: boolean;
      readonly lock?: "main" | "latest" | "old";
    } & OfRecord)
  /**
   * Reads a record with the query `seen`, and writes all of it back with `data` in place of the same fields.
   */
  | ({ readonly do: "rewrite"; readonly data: Data; readonly seen: Query; readonly query: Query } & OfRecord)
  | ({ readonly do: "delete" } & OfRecord);

/** An editor's step, without the gateway. */
export type EditorStep =
  | ({ readonly do: "edit"; readonly data: Data; readonly draft: boolean } & OfRecord)
  | ({ readonly do: "move" } & OfRecord)
  | ({ readonly do: "erase" } & OfRecord);

export type Step = PartnerStep | EditorStep;

/** A reference to a record whose id is not known yet. */
export function reference(collection: string, nth: number): Value {
  return { $of: collection, $nth: nth };
}

/** The value with `idOf` in place of each reference. */
export function resolved(value: Value, idOf: (collection: string, nth: number) => Value): Value {
  if (isList(value)) return value.map((item) => resolved(item, idOf));
  if (typeof value !== "object" || value === null) return value;
  const { $of: collection, $nth: nth } = value;
  if (typeof collection === "string" && typeof nth === "number") return idOf(collection, nth);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolved(item, idOf)]));
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** True for a step of the partner. */
export function isPartners(step: Step): step is PartnerStep {
  return step.do !== "edit" && step.do !== "move" && step.do !== "erase";
}
