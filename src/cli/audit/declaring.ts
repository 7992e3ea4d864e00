import type { Config } from "../../config/schema.ts";
import type { ValueKind, WithheldValues } from "../../core/foreign.ts";
import { ownMember } from "../../core/json.ts";

/** A field of which values were withheld. */
type Field = Pick<WithheldValues, "collection" | "path" | "kind">;

const KINDS: Readonly<Record<ValueKind, readonly [one: string, several: string]>> = {
  relation: ["relation", "relations"],
  join: ["join", "joins"],
  virtual: ["virtual field", "virtual fields"],
};

/** Every field with the number of its values, the most frequent first. */
export function summary(values: readonly WithheldValues[]): string {
  return fieldsOf(values)
    .map(([{ collection, path, kind }, count]) => {
      const [one, several] = KINDS[kind];
      return `${collection}.${path} (${count} ${count === 1 ? one : several})`;
    })
    .join(", ");
}

/** The settings that declare these fields; for those that are declared already, what else it can be. */
export function advice(values: readonly WithheldValues[], cms: Config["cms"]): string {
  const fields = fieldsOf(values).map(([field]) => field);
  const settings = new Set(fields.flatMap((field) => declarationOf(field, cms) ?? []));
  const others = fields.filter((field) => declarationOf(field, cms) === undefined);
  const names = others.map(({ collection, path }) => `${collection}.${path}`);
  return [
    ...(settings.size > 0 ? [`declare where the fields lead: ${[...settings].join("; ")}. ${MORE}`] : []),
    ...(others.length > 0 ? [`no declaration changes ${names.join(", ")}: ${ELSE}`] : []),
  ].join(". ");
}

const MORE =
  "A collection whose records everybody may see belongs in cms.openCollections as well; rows of an array are cms.rowFields";
const ELSE =
  "the records are another tenant's or a user's, show no tenant, or are a join's that stands below a relation";

/** The setting that would let the gateway prove what stands in a field; `undefined` where it is set already. */
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
