import { isObject } from "../../core/json.ts";
import { inwardFields } from "./names.ts";
import type { PayloadSettings } from "./settings.ts";

/** Which fields to include (`true`) or leave out (`false`), by name; as Payload's `select`. */
export interface Selection {
  readonly [field: string]: boolean | Selection;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
/** Flags of a selection. Payload (3.90) includes a field for `1` as for `true`. */
const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
]);
const MAX_FIELDS = 200;
const MAX_NESTING = 6;

/** A client's `select` of a record of `collection`, less what is no selection; `undefined` where nothing is left. */
export function readSelect(
  raw: unknown,
  settings: PayloadSettings,
  collection: string,
): Selection | undefined {
  const asked = inwardFields(raw, settings.names(collection));
  const tree = readTree(asked, { settings, left: MAX_FIELDS }, 0);
  return tree === undefined || Object.keys(tree).length === 0 ? undefined : tree;
}

/**
 * A client's `populate`: per exposed collection, what a populated record shows. The tenant is always among it, since
 * whose record it is decides whether it may leave; leaving it out of an inclusion and naming it in an exclusion are
 * undone. Users and tenants are not exposed and so cannot be named.
 */
export function* readPopulate(raw: unknown, settings: PayloadSettings): Generator<[string, Selection]> {
  if (!isObject(raw)) return;
  for (const [name, value] of Object.entries(raw)) {
    const selection = settings.exposed.has(name) ? readSelect(value, settings, name) : undefined;
    if (selection !== undefined) yield [name, showTenant(selection, settings.cms.tenantField)];
  }
}

function showTenant(selection: Selection, tenantField: string): Selection {
  const shown = showFields(selection, [tenantField]);
  return Object.keys(shown).length === 0 ? NOTHING_EXCLUDED : shown;
}

/** An exclusion of nothing: Payload (3.90) shows the id whatever is said of it. */
const NOTHING_EXCLUDED: Selection = { id: false };

/** True where a selection leaves a field out. One that excludes leaves out what it names with `true` as well (Payload 3.90). */
export function isHidden(selection: Selection, name: string): boolean {
  const asked = selection[name];
  return isInclusion(selection) ? asked === undefined || asked === false : typeof asked === "boolean";
}

/** A selection of the same kind that leaves none of these fields out. */
export function showFields(selection: Selection, names: readonly string[]): Selection {
  const hidden = names.filter((name) => isHidden(selection, name));
  if (hidden.length === 0) return selection;
  if (isInclusion(selection))
    return { ...selection, ...Object.fromEntries(hidden.map((name) => [name, true])) };
  const rest = Object.fromEntries(Object.entries(selection).filter(([name]) => !hidden.includes(name)));
  return Object.keys(rest).length > 0 && isInclusion(rest) ? { ...NOTHING_EXCLUDED, ...rest } : rest;
}

interface Budget {
  readonly settings: PayloadSettings;
  left: number;
}

function readTree(raw: unknown, budget: Budget, nesting: number): Selection | undefined {
  if (!isObject(raw) || nesting > MAX_NESTING) return undefined;
  const { secretFields, cms } = budget.settings;
  const tree: Record<string, boolean | Selection> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (!NAME.test(name) || secretFields.has(name) || --budget.left < 0) continue;
    const content = typeof value === "string" ? FLAGS.get(value) : readTree(value, budget, nesting + 1);
    // The tenant whole or not at all: of half of it (`select[tenant][id]=false`) Payload makes null.
    if (typeof content === "object" && name === cms.tenantField) tree[name] = isInclusion(content);
    else if (content !== undefined) tree[name] = content;
  }
  return tree;
}

/**
 * True for a selection of what is shown, false for one of what is left out. Of a selection that does both, the first exclusion
 * or nested selection decides (Payload 3.90, `getSelectMode`).
 */
export function isInclusion(selection: Selection): boolean {
  for (const value of Object.values(selection)) {
    if (value === false) return false;
    if (value !== true) return isInclusion(value);
  }
  return true;
}
