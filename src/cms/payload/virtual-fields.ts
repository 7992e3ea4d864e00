import { isObject } from "../../core/json.ts";
import { relatedId } from "./ids.ts";

/**
 * A field whose value Payload takes from a related record (`virtual: "venue.title"`), with both paths as
 * steps.
 */
export interface VirtualField {
  readonly name: readonly string[];
  readonly source: readonly string[];
}

/** The virtual fields of each collection, and of a record whose collection is unknown. */
export interface VirtualFields {
  of(collection: string | undefined): readonly VirtualField[];
}

/**
 * Reads the virtual fields that `cms.virtualFields` declares. A record of unknown collection may belong to
 * any, so it counts as having all of them.
 */
export function virtualFieldsOf(
  declared: Readonly<Record<string, Readonly<Record<string, string>>>>,
): VirtualFields {
  const known = new Map(Object.entries(declared).map(([slug, fields]) => [slug, listOf(fields)]));
  const all = [...known.values()].flat();
  return { of: (collection) => (collection === undefined ? all : (known.get(collection) ?? [])) };
}

function listOf(fields: Readonly<Record<string, string>>): readonly VirtualField[] {
  return Object.entries(fields).map(([name, source]) => ({
    name: name.split("."),
    source: source.split("."),
  }));
}

/** Returns the depth at which Payload shows every record that these fields take their values from. */
export function depthOf(fields: readonly VirtualField[]): number {
  return Math.max(0, ...fields.map(({ source }) => source.length - 1));
}

/** Decides whether a populated record proves to be in scope; `path` is the relation that led to it. */
type Proves = (record: Record<string, unknown>, path: string) => boolean;

/**
 * True if every record that a virtual field takes its value from is shown, and proves to be in scope. A
 * missing step proves nothing: with `locale=all` a localised relation is an object of locales.
 */
export function isProven(record: Record<string, unknown>, { source }: VirtualField, proves: Proves): boolean {
  const look = (value: unknown, at: Step): boolean => {
    if (value === null) return true;
    if (Array.isArray(value)) return value.every((item) => look(item, at));
    if (!isObject(value)) return false;
    const { relationTo, value: target } = value;
    if (typeof relationTo === "string" && isObject(target)) return look(target, at);
    const isRecord = at.path !== "" && "id" in value;
    if (isRecord && !proves(value, at.path)) return false;
    const isInScope = at.isInScope || isRecord;
    const [step = "", ...steps] = at.steps;
    if (steps.length === 0) return isInScope && (isRecord || Object.hasOwn(value, step));
    const path = at.path === "" ? step : `${at.path}.${step}`;
    return Object.hasOwn(value, step) && look(value[step], { steps, path, isInScope });
  };
  return look(record, { steps: source, path: "", isInScope: false });
}

/**
 * A position on the path of a virtual field: the remaining steps, the path so far, and whether it led through
 * a proven record.
 */
interface Step {
  readonly steps: readonly string[];
  readonly path: string;
  readonly isInScope: boolean;
}

/**
 * True if both states of a record refer to the same records in the first relation of a virtual field's path.
 * The proof of one state then holds for the other.
 */
export function isSameRelation(
  record: Record<string, unknown>,
  proof: Record<string, unknown>,
  { source: [relation = ""] }: VirtualField,
): boolean {
  return Object.hasOwn(record, relation) && idsOf(record[relation]) === idsOf(proof[relation]);
}

/** Returns the ids in a relation, as text. */
function idsOf(value: unknown): string {
  if (Array.isArray(value)) return JSON.stringify(value.map(idsOf));
  const { relationTo, value: target = value } = isObject(value) ? value : {};
  return JSON.stringify([relationTo, String(relatedId(target))]);
}

/** Returns the objects that hold a field, rows of arrays included, each with the field's last step. */
export function holdersOf(
  record: Record<string, unknown>,
  { name }: VirtualField,
): readonly (readonly [holder: Record<string, unknown>, name: string])[] {
  const [step = "", ...rest] = name;
  if (rest.length === 0) return [[record, step]];
  const inner = record[step];
  const holders = (Array.isArray(inner) ? inner : [inner]).filter((one: unknown) => isObject(one));
  return holders.flatMap((holder) => holdersOf(holder, { name: rest, source: [] }));
}
