import { isObject } from "./json.ts";

/**
 * The law of `where`: what a client may ask is taken apart into conditions that this file knows to be harmless and put
 * together anew. It can narrow what the tenant's constraint leaves, and nothing else: no dotted path into another
 * record (an oracle on other tenants), no secret field, no operator beyond the configured ones, and nothing to compare with
 * in which the CMS could find a question of its own.
 */

type Scalar = string | number | boolean;
/** A place or an area, as GeoJSON (RFC 7946) has it. */
interface Geometry {
  readonly type: string;
  readonly coordinates: readonly Coordinates[];
}
type Coordinates = number | readonly Coordinates[];
/** What a relation to records of several collections holds. */
interface Reference {
  readonly relationTo: string;
  readonly value: string | number;
}

/** What a condition compares with. */
export type Operand = Scalar | null | readonly Scalar[] | Reference | Geometry;

/**
 * What an operator can compare with: scalars and lists of them ("plain"), these or a reference ("value"), or a geometry
 * alone. No other object is let through: under `contains` of a relation to many, Payload (3.90) takes one for a whole
 * `where` of the collection that the relation leads to, a question about other tenants' records, users and secrets.
 */
export type OperandKind = "plain" | "value" | "geometry";

/** A field's conditions: operator to operand. */
export type Conditions = Readonly<Record<string, Operand>>;

/** A `where` of known structure: every key is `and`, `or` or a field. */
export interface Where {
  readonly [field: string]: readonly Where[] | Conditions;
}

/** What a client's `where` came to: none given, a narrowing one, or one that cannot be read and so matches nothing. */
export type ClientWhere =
  | { readonly kind: "none" }
  | { readonly kind: "narrow"; readonly where: Where }
  | { readonly kind: "nothing" };

/** What the law needs to know of the CMS and of the configuration. */
export interface WhereLimits {
  /** The CMS's path for a client's, `undefined` for none. Every other limit is about the CMS's. */
  readonly fieldOf: (path: string) => string | undefined;
  /** Operators that only compare, as the CMS spells them, each with what it compares with. */
  readonly operators: ReadonlyMap<string, OperandKind>;
  /** Field names that no condition may touch, at any place of a path. */
  readonly secretFields: ReadonlySet<string>;
  /** Dotted paths known to stay within the record (`location.city`). */
  readonly ownPaths: ReadonlySet<string>;
  /** Fields whose values are other records' (joins, virtual fields): asking by them asks about those records. */
  readonly foreignFields: ReadonlySet<string>;
  /** Nesting of `and`/`or` at the most. */
  readonly maxDepth: number;
  /** Conditions in all at the most. */
  readonly maxConditions: number;
}

const NOTHING = { kind: "nothing" } as const;
const NONE = { kind: "none" } as const;
const FIELD = /^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;
/** An `in` of some size. */
const OPERAND_ITEMS = 1000;
/** A multipolygon: areas, each of rings, each of points, each of numbers. */
const COORDINATES_DEPTH = 4;

/**
 * Reads a client's `where`: what the query parser made of it, a JSON string included. Never throws. Absent, empty,
 * `null` and `{}` ask nothing; anything else that is not a readable condition matches nothing.
 * Payload 3.90 takes a JSON string and brackets, `AND`/`OR` in any case.
 */
export function readWhere(raw: unknown, limits: WhereLimits): ClientWhere {
  if (raw === undefined || raw === "") return NONE;
  const value = typeof raw === "string" ? parseJson(raw) : raw;
  if (value === null) return NONE;
  const where = new Reader(limits).group(value, 0);
  if (where === undefined) return NOTHING;
  return Object.keys(where).length === 0 ? NONE : { kind: "narrow", where };
}

/** The fields that a `where` asks by, wherever in it they stand. */
export function fieldsOf(where: Where): string[] {
  return Object.entries(where).flatMap(([name, part]) =>
    isList(part) ? part.flatMap((group) => fieldsOf(group)) : [name],
  );
}

function isList(part: readonly Where[] | Conditions): part is readonly Where[] {
  return Array.isArray(part);
}

/** Takes one client's `where` apart; `undefined` from any method is "cannot be read". */
class Reader {
  readonly #limits: WhereLimits;
  #left: number;

  constructor(limits: WhereLimits) {
    this.#limits = limits;
    this.#left = limits.maxConditions;
  }

  /**
   * Keys side by side become an `and` list: of `and` and `or` beside each other Payload looks at the last one only, so
   * a client's `and` could silently be lost.
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

/** What the law of single fields needs. */
type FieldLimits = Omit<WhereLimits, "operators" | "maxDepth" | "maxConditions">;

/**
 * The CMS's path for a field that a client may compare or sort by, `undefined` where there is none. The law looks at
 * the CMS's path: a client's own name for a field must not be a way round it.
 */
export function ownField(asked: string, limits: FieldLimits): string | undefined {
  const path = limits.fieldOf(asked);
  return path !== undefined && isOwnField(path, limits) ? path : undefined;
}

/**
 * True for a field of the record itself. Payload's SQL adapters read `__` as a dot (`venue__tenant`, measured on 3.90),
 * so both are a path into another record unless it is known to be none.
 */
function isOwnField(path: string, limits: FieldLimits): boolean {
  // Payload looks at these before it looks for a field.
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

/** `1e999` is a number that JSON cannot say: it would go on as `null`, which is another question. */
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
