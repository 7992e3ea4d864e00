import { isObject } from "../../core/json.ts";
import type { PayloadSettings } from "./settings.ts";

/** Which fields to include (`true`) or leave out (`false`), by name; as Payload's `select`. */
export interface Selection {
  readonly [field: string]: boolean | Selection;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const MAX_FIELDS = 200;
const MAX_NESTING = 6;

/** A client's `select`, less what is no selection; `undefined` where nothing is left. */
export function readSelect(raw: unknown, settings: PayloadSettings): Selection | undefined {
  const selection = readTree(raw, { settings, left: MAX_FIELDS }, 0);
  if (selection === undefined || Object.keys(selection).length === 0) return undefined;
  return selection;
}

/**
 * A client's `populate`: per exposed collection, what a populated record shows. The tenant is always among it, since
 * whose record it is decides whether it may leave; leaving it out of an inclusion and naming it in an exclusion are
 * undone. Users and tenants are not exposed and so cannot be named.
 */
export function* readPopulate(raw: unknown, settings: PayloadSettings): Generator<[string, Selection]> {
  if (!isObject(raw)) return;
  for (const [name, value] of Object.entries(raw)) {
    const selection = settings.exposed.has(name) ? readSelect(value, settings) : undefined;
    if (selection !== undefined) yield [name, showTenant(selection, settings.cms.tenantField)];
  }
}

function showTenant(selection: Selection, tenantField: string): Selection {
  const entries = Object.entries(selection).filter(([name]) => name !== tenantField);
  const isExclusion = entries.length > 0 && entries.every(([, value]) => value === false);
  return isExclusion ? Object.fromEntries(entries) : { ...Object.fromEntries(entries), [tenantField]: true };
}

interface Budget {
  readonly settings: PayloadSettings;
  left: number;
}

function readTree(raw: unknown, budget: Budget, nesting: number): Selection | undefined {
  if (!isObject(raw) || nesting > MAX_NESTING) return undefined;
  const tree: Record<string, boolean | Selection> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (!NAME.test(name) || budget.settings.secretFields.has(name) || --budget.left < 0) continue;
    const content =
      value === "true" ? true : value === "false" ? false : readTree(value, budget, nesting + 1);
    if (content !== undefined) tree[name] = content;
  }
  return unmixed(tree);
}

/** Both ways at once (`true` here, `false` there) makes Payload answer `tenant: null`; so the inclusion wins. */
function unmixed(tree: Selection): Selection {
  const included = Object.entries(tree).filter(([, value]) => value !== false);
  return included.length === 0 ? tree : Object.fromEntries(included);
}
