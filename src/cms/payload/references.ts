import type { Fields, RecordId } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { recordId } from "./ids.ts";
import type { PayloadSettings } from "./settings.ts";

/** A record that a body refers to, in a field that `cms.relations` declares. */
export interface Reference {
  /** The field, as in `cms.relations`. */
  readonly path: string;
  /** The collection it leads to. */
  readonly target: string;
  /** `undefined` for a spelling that is no id, or not the only one of its id. */
  readonly id: RecordId | undefined;
}

/** Payload reads these as "no record" (its `beforeValidate` of relationships, 3.90). */
const NONE: ReadonlySet<unknown> = new Set([null, undefined, "", "none", "null", true, false]);

/**
 * The records that a body refers to. Only in declared fields, and only of collections that belong to tenants: of
 * users, tenants and open collections the gateway does not say who may be pointed at.
 */
export function referencesIn(
  fields: Fields,
  collection: string,
  { settings, numericIds }: { readonly settings: PayloadSettings; readonly numericIds: boolean },
): readonly Reference[] {
  const { relations, users, tenants, groups, internal, openCollections, textIds, tenantField } = settings.cms;
  const tenantless = new Set([users, tenants, groups, ...internal, ...openCollections]);
  return Object.entries(relations[collection] ?? {}).flatMap(([path, target]) => {
    if (tenantless.has(target) || path === tenantField) return [];
    const numeric = numericIds && !textIds.includes(target);
    const spellings = [...valuesAt(fields, path.split("."))].flatMap((value) => [...idsIn(value)]);
    return spellings.map((spelling) => ({ path, target, id: recordId(String(spelling), numeric) }));
  });
}

/** What stands at a path, in every row of the arrays on the way. */
function* valuesAt(value: unknown, path: readonly string[]): Generator {
  const [name, ...rest] = path;
  if (name === undefined) yield value;
  else if (Array.isArray(value)) for (const row of value) yield* valuesAt(row, path);
  else if (isObject(value)) yield* valuesAt(value[name], rest);
}

/** Every id in a relation, in any shape that Payload takes: bare, in an object, polymorphic, in a list, by locale. */
function* idsIn(value: unknown): Generator {
  if (NONE.has(value)) return;
  if (Array.isArray(value)) for (const item of value) yield* idsIn(item);
  else if (!isObject(value)) yield value;
  else if (typeof value["relationTo"] === "string") yield* idsIn(value["value"]);
  else if ("id" in value) yield* idsIn(value["id"]);
  else for (const inner of Object.values(value)) yield* idsIn(inner);
}
