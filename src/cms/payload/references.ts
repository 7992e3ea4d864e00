import type { Fields, RecordId } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { recordId, type IdKind } from "./ids.ts";
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

/** What a body is read by. */
export interface Reading {
  readonly settings: PayloadSettings;
  /** The kind of the CMS's ids. */
  readonly ids: IdKind;
  /** References by one relation at the most: one more is given, so that it shows, and nothing after that. */
  readonly most?: number;
}

/**
 * The records that a body refers to. Only in declared fields, and only of collections that belong to tenants: of
 * users, tenants and open collections the gateway does not say who may be pointed at.
 */
export function referencesIn(
  fields: Fields,
  collection: string,
  { settings, ids, most = Infinity }: Reading,
): readonly Reference[] {
  const { relations, users, tenants, groups, internal, openCollections, textIds, tenantField } = settings.cms;
  const tenantless = new Set([users, tenants, groups, ...internal, ...openCollections]);
  return Object.entries(relations[collection] ?? {}).flatMap(([path, target]) => {
    if (tenantless.has(target) || path === tenantField) return [];
    const kind = textIds.includes(target) ? "text" : ids;
    const spellings = new Spellings(path, most);
    spellings.look(fields);
    return spellings.found.map((spelling) => ({ path, target, id: recordId(String(spelling), kind) }));
  });
}

/** The ids of one relation, as a body spells them. */
class Spellings {
  readonly found: unknown[] = [];
  readonly #path: readonly string[];
  readonly #most: number;

  constructor(path: string, most: number) {
    this.#path = path.split(".");
    this.#most = most;
  }

  /**
   * Looks at what stands at the path, in every row of the arrays on the way; `step` names of it are behind. Payload
   * reads `{"venue.id": 1}` as `{venue: {id: 1}}`, in groups and rows too.
   */
  look(value: unknown, step = 0): void {
    const name = this.#path[step];
    if (name === undefined) return this.#ids(value);
    if (Array.isArray(value)) for (const row of value) this.look(row, step);
    if (!isObject(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === name) this.look(inner, step + 1);
      else if (key.startsWith(`${name}.`)) this.look({ [key.slice(name.length + 1)]: inner }, step + 1);
    }
  }

  /**
   * Every id in a relation, in any shape that Payload takes: bare, in an object, polymorphic, in a list, by locale. Of
   * an object with `relationTo` a polymorphic relation takes the `value`, a plain one the `id`: both are looked at.
   */
  #ids(value: unknown): void {
    if (this.found.length > this.#most || NONE.has(value)) return;
    if (Array.isArray(value)) for (const item of value) this.#ids(item);
    else if (isObject(value)) for (const name of namesOfIds(value)) this.#ids(value[name]);
    else this.found.push(value);
  }
}

function namesOfIds(value: Readonly<Record<string, unknown>>): readonly string[] {
  const isTyped = typeof value["relationTo"] === "string";
  const told = (isTyped ? ["id", "value"] : ["id"]).filter((name) => Object.hasOwn(value, name));
  return told.length > 0 ? told : Object.keys(value).filter((name) => !isTyped || name !== "relationTo");
}
