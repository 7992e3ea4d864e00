import { isObject } from "./json.ts";

/**
 * The parser of a client's `where`. It builds a new `where` from conditions that are known to be safe. The
 * result can only narrow the tenant's constraint. It has no dotted path into another record (which would
 * disclose other tenants' data), no secret field, only configured operators, and no operand that the CMS
 * could read as another query.
 */

type Scalar = string | number | boolean;
/** A GeoJSON geometry (RFC 7946). */
interface Geometry {
  readonly type: string;
  readonly coordinates: readonly Coordinates[];
}
type Coordinates = number | readonly Coordinates[];
/** The value of a relation to several collections. */
interface Reference {
  readonly relationTo: string;
  readonly value: string | number;
}

/** The operand of a condition. */
export type Operand = Scalar | null | readonly Scalar[] | Reference | Geometry;

/**
 * The operands of an operator: scalars and lists of them ("plain"), those or a reference ("value"), or a
 * geometry only. Any other object is refused. Under `contains` of a relation to many, Payload (3.90) reads an
 * object as a `where` of the related collection, which would query other tenants' records, users and secrets.
 */
export type OperandKind = "plain" | "value" | "geometry";

/** The conditions of a field: operators with their operands. */
export type Conditions = Readonly<Record<string, Operand>>;

/** A parsed `where`: every key is `and`, `or` or a field. */
export interface Where {
  readonly [field: string]: readonly Where[] | Conditions;
}

/** The result of parsing a client's `where`: absent, a condition, or invalid, which matches nothing. */
export type ClientWhere =
  | { readonly kind: "none" }
  | { readonly kind: "narrow"; readonly where: Where }
  | { readonly kind: "nothing" };

/** The limits of a `where`, from the CMS and the configuration. */
export interface WhereLimits {
  /** Returns the CMS's path for a client's, or `undefined`. All other limits apply to the CMS's path. */
  readonly fieldOf: (path: string) => string | undefined;
  /** The allowed operators, as the CMS spells them, each with its kind of operand. */
  readonly operators: ReadonlyMap<string, OperandKind>;
  /** The field names that no condition may use, at any position of a path. */
  readonly secretFields: ReadonlySet<string>;
  /** The dotted paths that stay within the record (`location.city`). */
  readonly ownPaths: ReadonlySet<string>;
  /**
   * The fields whose values belong to other records (joins, virtual fields). Conditions on them query those
   * records.
   */
  readonly foreignFields: ReadonlySet<string>;
  /** The largest nesting depth of `and` and `or`. */
  readonly maxDepth: number;
  /** The largest number of conditions in all. */
  readonly maxConditions: number;
}

const NOTHING = { kind: "nothing" } as const;
const NONE = { kind: "none" } as const;
const FIELD = /^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;
/** The largest number of values in an `in`. */
const OPERAND_ITEMS = 1000;
/** The depth of a multipolygon: polygons of rings of points of numbers. */
const COORDINATES_DEPTH = 4;

/**
 * Parses a client's `where`: the query parser's result, or a JSON string. Never throws. Absent, empty, `null`
 * and `{}` are no condition; anything else that is not a valid condition matches nothing. Payload 3.90
 * accepts a JSON string and brackets, and `AND`/`OR` in any case.
 */
export function readWhere(raw: unknown, limits: WhereLimits): ClientWhere {
  if (raw === undefined || raw === "") return NONE;
  const value = typeof raw === "string" ? parseJson(raw) : raw;
  if (value === null) return NONE;
  const where = new Reader(limits).group(value, 0);
  if (where === undefined) return NOTHING;
  return Object.keys(where).length === 0 ? NONE : { kind: "narrow", where };
}

/** Returns the fields of all conditions of a `where`. */
export function fieldsOf(where: Where): string[] {
  return Object.entries(where).flatMap(([name, part]) =>
    isList(part) ? part.flatMap((group) => fieldsOf(group)) : [name],
  );
}

function isList(part: readonly Where[] | Conditions): part is readonly Where[] {
  return Array.isArray(part);
}

/** Parses one client's `where`. Each method returns `undefined` if its part is not valid. */
class Reader {
  readonly #limits: WhereLimits;
  #left: number;

  constructor(limits: WhereLimits) {
    this.#limits = limits;
    this.#left = limits.maxConditions;
  }

  /**
   * Parses an object. Several keys become an `and` list: if an object has both `and` and `or`, Payload reads
   * only the last one, so a client's `and` could silently be lost.
   */
  group(value: unknown, depth: number): Where | undefined {
    if (!isObject(value) || depth > this.#limits.maxDepth) return undefined;
    const parts: Where[] = [];
    for (const [name, content] of Object.entries(value)) {
      const part = this.#part(name, content, depth);
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return parts.length > 1 ? { and: parts } : (parts[0] ?? {});
  }

  #part(name: string, content: unknown, depth: number): Where | undefined {
    const connective = name.toLowerCase();
    if (connective === "and" || connective === "or") {
      const list = this.#list(content, depth);
      return list === undefined ? undefined : { [connective]: list };
    }
    const field = ownField(name, this.#limits);
    const conditions = field === undefined ? undefined : this.#conditions(content);
    return field === undefined || conditions === undefined ? undefined : { [field]: conditions };
  }

  #list(value: unknown, depth: number): readonly Where[] | undefined {
    if (!Array.isArray(value)) return undefined;
    const groups: Where[] = [];
    for (const item of value) {
      if (--this.#left < 0) return undefined;
      const group = this.group(item, depth + 1);
      if (group === undefined) return undefined;
      groups.push(group);
    }
    return groups;
  }

  #conditions(value: unknown): Conditions | undefined {
    if (!isObject(value)) return undefined;
    const conditions: Record<string, Operand> = {};
    for (const [operator, operand] of Object.entries(value)) {
      const kind = this.#limits.operators.get(operator);
      if (--this.#left < 0 || kind === undefined || !isOperand(operand, kind)) return undefined;
      conditions[operator] = operand;
    }
    return conditions;
  }
}

/** The limits that apply to a single field. */
type FieldLimits = Omit<WhereLimits, "operators" | "maxDepth" | "maxConditions">;

/**
 * Returns the CMS's path for a field by which a client may filter or sort, or `undefined`. The limits apply
 * to the CMS's path, so that a version's name for a field cannot bypass them.
 */
export function ownField(asked: string, limits: FieldLimits): string | undefined {
  const path = limits.fieldOf(asked);
  return path !== undefined && isOwnField(path, limits) ? path : undefined;
}

/**
 * Returns true for a field of the record itself. Payload's SQL adapters read `__` as a dot (`venue__tenant`,
 * measured on 3.90), so both may lead into another record. Only the dotted paths in `ownPaths` are allowed.
 */
function isOwnField(path: string, limits: FieldLimits): boolean {
  // Payload reads these as connectives, not as fields.
  if (/^(?:and|or)$/i.test(path)) return false;
  if (path.length > 100 || !FIELD.test(path) || path.includes("__") || limits.foreignFields.has(path))
    return false;
  if (path.includes(".") && !limits.ownPaths.has(path)) return false;
  return !path.split(".").some((name) => limits.secretFields.has(name));
}

function isOperand(value: unknown, kind: OperandKind): value is Operand {
  if (kind === "geometry") return isGeometry(value);
  if (Array.isArray(value)) return value.length <= OPERAND_ITEMS && value.every(isScalar);
  return value === null || isScalar(value) || (kind === "value" && isReference(value));
}

/**
 * Returns true for a scalar. `1e999` parses as `Infinity`, which JSON would write as `null`: another
 * condition.
 */
function isScalar(value: unknown): value is Scalar {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

function isReference(value: unknown): value is Reference {
  if (!hasExactly(value, "relationTo", "value")) return false;
  const { relationTo, value: id } = value;
  return typeof relationTo === "string" && (typeof id === "string" || Number.isFinite(id));
}

function isGeometry(value: unknown): value is Geometry {
  if (!hasExactly(value, "type", "coordinates")) return false;
  return typeof value["type"] === "string" && areCoordinates(value["coordinates"], COORDINATES_DEPTH);
}

function areCoordinates(value: unknown, depth: number): boolean {
  if (!Array.isArray(value) || depth === 0 || value.length > OPERAND_ITEMS) return false;
  return value.every((item) => Number.isFinite(item) || areCoordinates(item, depth - 1));
}

function hasExactly(value: unknown, one: string, other: string): value is Readonly<Record<string, unknown>> {
  return (
    isObject(value) &&
    Object.keys(value).length === 2 &&
    Object.hasOwn(value, one) &&
    Object.hasOwn(value, other)
  );
}

function parseJson(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
