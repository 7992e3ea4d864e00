import type { Config } from "../../config/schema.ts";
import { GatewayError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";

/**
 * What a version calls the fields of a collection. Each partner's name means one field of the CMS and each field has
 * one name at the most: two spellings of one field would be a way round whatever looks at one of them only.
 */
export interface Names {
  /**
   * The CMS's path for a partner's, `undefined` where this version has no such field. Of a dotted path the first name
   * alone is looked at. What comes out still has to pass the law: it is a name, not a leave.
   */
  inward(path: string): string | undefined;
  /** A partner's path for the CMS's, `undefined` where this version has no such field. */
  outward(path: string): string | undefined;
  /** False where both are always the same, so that nothing has to be rebuilt. */
  readonly differ: boolean;
}

/** The names of one version, by collection; `undefined` is a record of which nobody knows the collection. */
export type NamesOf = (collection: string | undefined) => Names;

type FieldSettings = NonNullable<Config["partners"]["versionSettings"][string]["fields"]>;

/** The CMS's own names, both ways. */
const CMS_NAMES: Names = { inward: (path) => path, outward: (path) => path, differ: false };

/** Where no version is concerned: the gateway's own questions. */
export const cmsNames: NamesOf = () => CMS_NAMES;

/**
 * The names of a version. A populated record of unknown collection keeps the CMS's names, less all that this version
 * removes anywhere: it may be of the collection in which it is removed.
 */
export function versionNames(fields: FieldSettings = {}): NamesOf {
  const known = new Map(
    Object.entries(fields).map(([slug, { rename, remove }]) => [slug, namesOf(rename, remove)]),
  );
  const removed = Object.values(fields).flatMap(({ remove }) => remove);
  const unknown = removed.length === 0 ? CMS_NAMES : namesOf({}, removed);
  return (collection) => (collection === undefined ? unknown : (known.get(collection) ?? CMS_NAMES));
}

/** `rename` from the partner's name to the CMS's, `remove` by the CMS's name. */
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

/** A partner's fields by the CMS's names, less those that its version does not have. */
export function inwardFields<T>(fields: T, names: Names): T | Record<string, unknown> {
  if (!names.differ || !isObject(fields)) return fields;
  return Object.fromEntries(renamed(Object.entries(fields), (name) => names.inward(name)));
}

/** Gives a record the names of a version, in place and in the order of its fields. */
export function renameOutward(record: Record<string, unknown>, names: Names): void {
  if (!names.differ) return;
  const entries = Object.entries(record);
  for (const [name] of entries) delete record[name];
  for (const [name, value] of renamed(entries, (cmsName) => names.outward(cmsName))) record[name] = value;
}

/** A refusal that names fields, by the partner's names. Of a field that its version does not have nothing is told. */
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
