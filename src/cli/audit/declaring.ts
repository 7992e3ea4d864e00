import type { Config } from "../../config/schema.ts";
import type { ValueKind, WithheldValues } from "../../core/foreign.ts";
import { ownMember } from "../../core/json.ts";

/** A field with withheld values. */
type Field = Pick<WithheldValues, "collection" | "path" | "kind">;

const KINDS: Readonly<Record<ValueKind, readonly [one: string, several: string]>> = {
  relation: ["relation", "relations"],
  join: ["join", "joins"],
  virtual: ["virtual field", "virtual fields"],
};

/** Lists every field with the number of its values, the most frequent first. */
export function summary(values: readonly WithheldValues[]): string {
  return fieldsOf(values)
    .map(([{ collection, path, kind }, count]) => {
      const [one, several] = KINDS[kind];
      return `${collection}.${path} (${count} ${count === 1 ? one : several})`;
    })
    .join(", ");
}

/**
 * Returns the settings that declare these fields. For fields that are declared already, returns the other
 * possible causes.
 */
export function advice(values: readonly WithheldValues[], cms: Config["cms"]): string {
  const fields = fieldsOf(values).map(([field]) => field);
  const settings = new Set(fields.flatMap((field) => declarationOf(field, cms) ?? []));
  const others = fields.filter((field) => declarationOf(field, cms) === undefined);
  const names = others.map(({ collection, path }) => `${collection}.${path}`);
  return [
    ...(settings.size > 0 ? [`declare the fields' collections: ${[...settings].join("; ")}. ${MORE}`] : []),
    ...(others.length > 0 ? [`no declaration changes ${names.join(", ")}: ${ELSE}`] : []),
  ].join(". ");
}

const MORE =
  "A collection with public records also belongs in cms.openCollections; rows of an array belong in cms.rowFields";
const ELSE =
  "the records belong to another tenant or a user, show no tenant, or come from a join below a relation";

/**
 * Returns the setting that would let the gateway prove the tenant of a field's values; `undefined` if it is
 * set already.
 */
function declarationOf({ collection, path, kind }: Field, cms: Config["cms"]): string | undefined {
  if (collection === "unknown" || collection === "other" || path === "other") return undefined;
  const setting = (name: "joins" | "relations", field: string): string | undefined =>
    ownMember(ownMember(cms[name], collection), field) === undefined
      ? `cms.${name}: {${collection}: {${field}: <collection>}}`
      : undefined;
  if (kind === "relation") return setting("relations", path);
  const source = kind === "join" ? path : (ownMember(ownMember(cms.virtualFields, collection), path) ?? "");
  const relation = source.split(".").slice(0, -1).join(".");
  const ofRelation = relation === "" ? undefined : setting("relations", relation);
  return kind === "join" && relation === "" ? setting("joins", path) : ofRelation;
}

function fieldsOf(values: readonly WithheldValues[]): readonly (readonly [Field, number])[] {
  const fields = new Map<string, readonly [Field, number]>();
  for (const { collection, path, kind, count } of values) {
    const name = `${collection}.${path} ${kind}`;
    fields.set(name, [{ collection, path, kind }, (fields.get(name)?.[1] ?? 0) + count]);
  }
  return [...fields.values()].toSorted(([, a], [, b]) => b - a);
}
