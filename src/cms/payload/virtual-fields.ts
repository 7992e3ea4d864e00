import { isObject } from "../../core/json.ts";

/** A field whose value Payload takes from a related record (`virtual: "venue.title"`), by the steps of both paths. */
export interface VirtualField {
  readonly name: readonly string[];
  readonly source: readonly string[];
}

/** The virtual fields of each collection, and of a record whose collection is unknown. */
export interface VirtualFields {
  of(collection: string | undefined): readonly VirtualField[];
}

/**
 * The virtual fields that `cms.virtualFields` declares. A record of unknown collection may be of any, so that it counts as
 * having all of them.
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

/** The depth at which Payload shows every record that these fields take their values from. */
export function depthOf(fields: readonly VirtualField[]): number {
  return Math.max(0, ...fields.map(({ source }) => source.length - 1));
}

/** True for a populated record that proves to be in scope; `path` is the relation that led to it. */
type Proves = (record: Record<string, unknown>, path: string) => boolean;

/** True where every record that a virtual field takes its value from is shown, and proves to be in scope. */
export function isProven(record: Record<string, unknown>, { source }: VirtualField, proves: Proves): boolean {
  const look = (value: unknown, steps: readonly string[], path: string): boolean => {
    if (value === null || (steps.length === 0 && path !== "")) return true;
    if (Array.isArray(value)) return value.every((item) => look(item, steps, path));
    if (!isObject(value)) return false;
    const { relationTo, value: target } = value;
    if (typeof relationTo === "string" && isObject(target)) return look(target, steps, path);
    if (path !== "" && "id" in value && !proves(value, path)) return false;
    const [step = "", ...rest] = steps;
    return look(
      value[step] ?? (Object.hasOwn(value, step) ? null : undefined),
      rest,
      path === "" ? step : `${path}.${step}`,
    );
  };
  return look(record, source, "");
}

/** The objects that hold a field, rows of arrays included, and the field's last step. */
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
