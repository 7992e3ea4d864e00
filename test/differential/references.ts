import { isJson, type Json } from "../support/isolation.ts";
import { idIn } from "./side.ts";
import { SINK_SETTINGS } from "./sink/project.ts";

/** A record that a body or a record references by a declared relation. */
export interface Reference {
  /** The relation, as declared. */
  readonly path: string;
  /** The same with the numbers of rows. */
  readonly place: string;
  readonly target: string;
  readonly id: string | number;
}

/** The references by declared relations to records of tenants. */
export function referencesOf(data: Json, collection: string): readonly Reference[] {
  const declared: Readonly<Record<string, Readonly<Record<string, string>>>> = SINK_SETTINGS.cms.relations;
  const ofTenants = Object.entries(declared[collection] ?? {}).filter(([, target]) => target !== "tags");
  return ofTenants.flatMap(([path, target]) =>
    idsAt(data, path.split("."), []).map(({ place, id }) => ({ path, place: place.join("."), target, id })),
  );
}

interface Found {
  readonly place: readonly string[];
  readonly id: string | number;
}

function idsAt(value: unknown, path: readonly string[], place: readonly string[]): readonly Found[] {
  const [step, ...rest] = path;
  if (step === undefined) return idsIn(value).map((id) => ({ place, id }));
  if (Array.isArray(value)) return value.flatMap((row, i) => idsAt(row, path, [...place, String(i)]));
  return isJson(value) ? idsAt(value[step], rest, [...place, step]) : [];
}

function idsIn(value: unknown): readonly (string | number)[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => idsIn(item));
  if (typeof value === "number" || (typeof value === "string" && value !== "")) return [value];
  const id = idIn(value);
  if (id !== undefined) return [id];
  // By locale.
  return isJson(value) ? Object.values(value).flatMap((item) => idsIn(item)) : [];
}
