import { ownMember } from "../../core/json.ts";

/** The place of a value: the collection of its record, and its path there. */
export interface FieldPlace {
  readonly collection: string | undefined;
  readonly path: string;
  readonly joinsInScope: boolean;
  /** The field that led to this record, if the record's own collection is unknown. */
  readonly above: FieldName | undefined;
}

/** A field by the collection and path that an operator can look up. */
export interface FieldName {
  readonly collection: string | undefined;
  readonly path: string;
}

/**
 * Names the field of a place. In a record of unknown collection, the path continues the path of the field
 * that led to the record.
 */
export function nameOf({
  collection,
  path,
  above,
}: Pick<FieldPlace, "collection" | "path" | "above">): FieldName {
  if (collection !== undefined || above === undefined) return { collection, path };
  return { collection: above.collection, path: `${above.path}.${path}` };
}

/**
 * Looks a place up in a setting. Only own members count: a partner's own JSON can name any collection and
 * field.
 */
export function stated(
  settings: Readonly<Record<string, Readonly<Record<string, string>>>>,
  { collection, path }: Pick<FieldPlace, "collection" | "path">,
): string | undefined {
  return collection === undefined ? undefined : ownMember(ownMember(settings, collection), path);
}

/** True for a place that a setting lists for its collection. */
export function isAmong(
  settings: Readonly<Record<string, readonly string[]>>,
  { collection, path }: Pick<FieldPlace, "collection" | "path">,
): boolean {
  return collection !== undefined && ownMember(settings, collection)?.includes(path) === true;
}

/** True for a place that a setting lists for its collection, and for any place below one. */
export function isBelow(
  settings: Readonly<Record<string, readonly string[]>>,
  { collection, path }: Pick<FieldPlace, "collection" | "path">,
): boolean {
  const paths = collection === undefined ? undefined : ownMember(settings, collection);
  return paths !== undefined && paths.some((one) => path === one || path.startsWith(`${one}.`));
}
