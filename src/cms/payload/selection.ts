import { isObject } from "../../core/json.ts";
import { inwardFields } from "./names.ts";
import type { PayloadSettings } from "./settings.ts";

/** The fields to include (`true`) or to exclude (`false`), by name, as in Payload's `select`. */
export interface Selection {
  readonly [field: string]: boolean | Selection;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
/** The flags of a selection. Payload (3.90) includes a field for `1` as for `true`. */
const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
]);
const MAX_FIELDS = 200;
const MAX_NESTING = 6;

/**
 * Reads a client's `select` for a record of `collection`, without its invalid parts; `undefined` if nothing
 * is left.
 */
export function readSelect(
  raw: unknown,
  settings: PayloadSettings,
  collection: string,
): Selection | undefined {
  const cmsSelect = inwardFields(raw, settings.names(collection));
  const tree = readTree(cmsSelect, { settings, left: MAX_FIELDS }, 0);
  return tree === undefined || Object.keys(tree).length === 0 ? undefined : tree;
}

/**
 * Reads a client's `populate`: for each exposed collection, the fields of a populated record. The tenant
 * field is always included, since it decides whether the record may be returned: exclusions of it are undone.
 * Users and tenants are not exposed, so they cannot be named.
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

/** An exclusion of nothing: Payload (3.90) always shows the id. */
const NOTHING_EXCLUDED: Selection = { id: false };

/**
 * True if a selection excludes a field. A selection that excludes also excludes fields named with `true`
 * (Payload 3.90).
 */
export function isHidden(selection: Selection, name: string): boolean {
  const flag = selection[name];
  return isInclusion(selection) ? flag === undefined || flag === false : typeof flag === "boolean";
}

/** Returns a selection of the same kind that excludes none of these fields. */
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
    // The tenant is selected as a whole or not at all: Payload turns a part of it
    // (`select[tenant][id]=false`) into null.
    if (typeof content === "object" && name === cms.tenantField) tree[name] = isInclusion(content);
    else if (content !== undefined) tree[name] = content;
  }
  return tree;
}

/**
 * True for a selection of included fields, false for one of excluded fields. In a mixed selection the first
 * exclusion or nested selection decides (Payload 3.90, `getSelectMode`).
 */
export function isInclusion(selection: Selection): boolean {
  for (const value of Object.values(selection)) {
    if (value === false) return false;
    if (value !== true) return isInclusion(value);
  }
  return true;
}
