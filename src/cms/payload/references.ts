import type { Fields, RecordId } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { recordId, type IdKind } from "./ids.ts";
import type { PayloadSettings } from "./settings.ts";

/** A record that a body refers to, in a field that `cms.relations` declares. */
export interface Reference {
  /** The field, as in `cms.relations`. */
  readonly path: string;
  /** The position in the body with row indices, as Payload names a field in its errors: `parts.0.venue`. */
  readonly place: string;
  /** The collection that the field refers to. */
  readonly target: string;
  /** `undefined` for a spelling that is not an id, or not the canonical one. */
  readonly id: RecordId | undefined;
}

/** Payload reads these values as "no record" (its `beforeValidate` of relationships, 3.90). */
const NONE: ReadonlySet<unknown> = new Set([null, undefined, "", "none", "null", true, false]);

/** The options for reading a body. */
export interface Reading {
  readonly settings: PayloadSettings;
  /** The format of the CMS's ids. */
  readonly ids: IdKind;
  /** The largest number of references per relation. The result holds at most one more, to show the excess. */
  readonly most?: number;
}

/**
 * Returns the records that a body refers to. It covers only declared fields, and only collections that belong
 * to tenants: the gateway does not restrict references to users, tenants and open collections.
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
    return spellings.found.map(({ place, spelling }) => ({
      path,
      place,
      target,
      id: recordId(String(spelling), kind),
    }));
  });
}

/** An id as a body spells it, and its position. */
interface SpeltId {
  readonly place: string;
  readonly spelling: unknown;
}

/** Collects the ids of one relation, as a body spells them. */
class Spellings {
  readonly found: SpeltId[] = [];
  readonly #path: readonly string[];
  readonly #most: number;

  constructor(path: string, most: number) {
    this.#path = path.split(".");
    this.#most = most;
  }

  /**
   * Visits the values at the path, through every row of the arrays on the way; `place` is the path so far.
   * Payload reads `{"venue.id": 1}` as `{venue: {id: 1}}`, in groups and rows too.
   */
  look(value: unknown, step = 0, place = ""): void {
    const name = this.#path[step];
    if (name === undefined) return this.#ids(value, place);
    if (Array.isArray(value)) for (const [i, row] of value.entries()) this.look(row, step, below(place, i));
    if (!isObject(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === name) this.look(inner, step + 1, below(place, name));
      else if (key.startsWith(`${name}.`))
        this.look({ [key.slice(name.length + 1)]: inner }, step + 1, below(place, name));
    }
  }

  /**
   * Collects every id in a relation, in any shape that Payload accepts: bare, in an object, polymorphic, in a
   * list, by locale. From an object with `relationTo` a polymorphic relation takes the `value` and a plain
   * one the `id`, so both are collected.
   */
  #ids(value: unknown, place: string): void {
    if (this.found.length > this.#most || NONE.has(value)) return;
    if (Array.isArray(value)) for (const item of value) this.#ids(item, place);
    else if (isObject(value)) for (const name of namesOfIds(value)) this.#ids(value[name], place);
    else this.found.push({ place, spelling: value });
  }
}

function below(place: string, step: string | number): string {
  return place === "" ? String(step) : `${place}.${step}`;
}

function namesOfIds(value: Readonly<Record<string, unknown>>): readonly string[] {
  const isTyped = typeof value["relationTo"] === "string";
  const idNames = (isTyped ? ["id", "value"] : ["id"]).filter((name) => Object.hasOwn(value, name));
  return idNames.length > 0
    ? idNames
    : Object.keys(value).filter((name) => !isTyped || name !== "relationTo");
}
