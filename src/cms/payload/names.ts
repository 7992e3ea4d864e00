import type { Config } from "../../config/schema.ts";
import { GatewayError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";

/**
 * The field names of one version in one collection. Each partner name maps to one CMS field, and each field
 * has at most one partner name. A second spelling of a field would bypass every check that knows only the
 * first.
 */
export interface Names {
  /**
   * Maps a partner's path to the CMS's; `undefined` if this version has no such field. Only the first name of
   * a dotted path is mapped. The result is a name and not a permission: the field limits still apply to it.
   */
  inward(path: string): string | undefined;
  /** Maps a CMS path to the partner's; `undefined` if this version has no such field. */
  outward(path: string): string | undefined;
  /** False if both names are always equal, so that no record has to be rebuilt. */
  readonly differ: boolean;
}

/** The names of one version, by collection; `undefined` stands for an unknown collection. */
export type NamesOf = (collection: string | undefined) => Names;

type FieldSettings = NonNullable<Config["partners"]["versionSettings"][string]["fields"]>;

/** The CMS's own names in both directions. */
const CMS_NAMES: Names = { inward: (path) => path, outward: (path) => path, differ: false };

/** The names for the gateway's own lookups, which have no version. */
export const cmsNames: NamesOf = () => CMS_NAMES;

/**
 * Builds the names of a version. A populated record of unknown collection keeps the CMS's names, without any
 * field that this version removes from some collection: the record may belong to that collection.
 */
export function versionNames(fields: FieldSettings = {}): NamesOf {
  const known = new Map(
    Object.entries(fields).map(([slug, { rename, remove }]) => [slug, namesOf(rename, remove)]),
  );
  const removed = Object.values(fields).flatMap(({ remove }) => remove);
  const unknown = removed.length === 0 ? CMS_NAMES : namesOf({}, removed);
  return (collection) => (collection === undefined ? unknown : (known.get(collection) ?? CMS_NAMES));
}

/** Builds the names of one collection. `rename` maps partner names to CMS names; `remove` lists CMS names. */
function namesOf(rename: Readonly<Record<string, string>>, remove: readonly string[]): Names {
  const toCms = new Map(Object.entries(rename));
  const toPartner = new Map(Object.entries(rename).map(([partners, theirs]) => [theirs, partners]));
  const removed = new Set(remove);
  return {
    inward: (path) =>
      onFirst(path, (name) => toCms.get(name) ?? (toPartner.has(name) ? undefined : kept(name))),
    outward: (path) =>
      onFirst(path, (name) => toPartner.get(name) ?? (toCms.has(name) ? undefined : kept(name))),
    differ: true,
  };

  function kept(name: string): string | undefined {
    return removed.has(name) ? undefined : name;
  }
}

function onFirst(path: string, change: (name: string) => string | undefined): string | undefined {
  const dot = path.indexOf(".");
  if (dot === -1) return change(path);
  const first = change(path.slice(0, dot));
  return first === undefined ? undefined : first + path.slice(dot);
}

/** Renames a partner's fields to the CMS's names, and drops the fields that the version does not have. */
export function inwardFields<T>(fields: T, names: Names): T | Record<string, unknown> {
  if (!names.differ || !isObject(fields)) return fields;
  return Object.fromEntries(renamed(Object.entries(fields), (name) => names.inward(name)));
}

/** Renames a record's fields to a version's names, in place and in the same order. */
export function renameOutward(record: Record<string, unknown>, names: Names): void {
  if (!names.differ) return;
  const entries = Object.entries(record);
  for (const [name] of entries) delete record[name];
  for (const [name, value] of renamed(entries, (cmsName) => names.outward(cmsName))) record[name] = value;
}

/**
 * Renames the fields in an error to the partner's names, and drops the fields that the version does not have.
 */
export function outwardRefusal(thrown: unknown, names: Names): unknown {
  if (!(thrown instanceof GatewayError) || !names.differ || thrown.fields === undefined) return thrown;
  const { code, params, cause } = thrown;
  const fields = thrown.fields.flatMap(({ path, message }) => {
    const shown = names.outward(path);
    return shown === undefined ? [] : [{ path: shown, message }];
  });
  return new GatewayError(code, { params, fields, cause });
}

function renamed(
  entries: readonly [string, unknown][],
  change: (name: string) => string | undefined,
): [string, unknown][] {
  return entries.flatMap(([name, value]): [string, unknown][] => {
    const changed = change(name);
    return changed === undefined || changed === "__proto__" ? [] : [[changed, value]];
  });
}
