import { isObject } from "./json.ts";

/**
 * The law of `where`: what a client may ask is taken apart into conditions that this file knows to be harmless and put
 * together anew. It can narrow what the tenant's constraint leaves, and nothing else: no dotted path into another
 * record (an oracle on other tenants), no secret field, no operator beyond the configured ones.
 */

/** A JSON value that a condition compares with. */
export type Operand =
  | string
  | number
  | boolean
  | null
  | readonly Operand[]
  | { readonly [key: string]: Operand };

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
  /** Operators that only compare: lower-case, as the CMS spells them. */
  readonly operators: ReadonlySet<string>;
  /** Field names that no condition may touch, at any place of a path. */
  readonly secretFields: ReadonlySet<string>;
  /** Dotted paths known to stay within the record (`location.city`). */
  readonly ownPaths: ReadonlySet<string>;
  /** Fields that list what points at the record (joins): asking by them asks about other records. */
  readonly joinFields: ReadonlySet<string>;
  /** Nesting of `and`/`or` at the most. */
  readonly maxDepth: number;
  /** Conditions in all at the most. */
  readonly maxConditions: number;
}

const NOTHING = { kind: "nothing" } as const;
const NONE = { kind: "none" } as const;
const FIELD = /^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;
/** Operand nesting and list length: room for coordinates and an `in` of some size. */
const OPERAND_DEPTH = 5;
const OPERAND_ITEMS = 1000;

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
      if (--this.#left < 0 || !this.#limits.operators.has(operator) || !isOperand(operand, 0))
        return undefined;
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
  if (path.length > 100 || !FIELD.test(path) || path.includes("__") || limits.joinFields.has(path))
    return false;
  if (path.includes(".") && !limits.ownPaths.has(path)) return false;
  return !path.split(".").some((name) => limits.secretFields.has(name));
}

function isOperand(value: unknown, depth: number): value is Operand {
  if (value === null) return depth === 0;
  if (typeof value !== "object") return typeof value !== "function" && typeof value !== "undefined";
  if (depth >= OPERAND_DEPTH) return false;
  const items: unknown[] = Array.isArray(value) ? value : Object.values(value);
  return items.length <= OPERAND_ITEMS && items.every((item) => isOperand(item, depth + 1));
}

function parseJson(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
