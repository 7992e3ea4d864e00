import { isObject } from "../core/json.ts";
import { isId, type Party } from "./world.ts";

/**
 * Returns the fields of a collection that look like relations. It guesses from documents only: an id, a list
 * of ids, `{relationTo, value}`, a join's page. A wrong guess costs a few requests and does not falsify the
 * proof.
 */
export function relationFields(parties: readonly Party[], collection: string, tenantField: string): string[] {
  const docs = parties.flatMap((party) => party.shelves.get(collection)?.docs ?? []);
  const names = new Set<string>();
  for (const doc of docs) {
    for (const [name, value] of Object.entries(doc)) {
      if (name === "id" || name === tenantField || name.startsWith("_")) continue;
      if (leadsElsewhere(value, typeof doc["id"])) names.add(name);
    }
  }
  return [...names].slice(0, 8);
}

/** Returns the join fields of a collection, which list the records that refer to a record. */
export function joinFields(parties: readonly Party[], collection: string): string[] {
  const docs = parties.flatMap((party) => party.shelves.get(collection)?.docs ?? []);
  const names = docs.flatMap((doc) =>
    Object.entries(doc)
      .filter(([, value]) => isPage(value))
      .map(([name]) => name),
  );
  return [...new Set(names)].slice(0, 4);
}

function leadsElsewhere(value: unknown, idType: string): boolean {
  if (Array.isArray(value)) return value.some((item) => leadsElsewhere(item, idType));
  if (isObject(value)) return (typeof value["relationTo"] === "string" && "value" in value) || isPage(value);
  if (!isId(value) || typeof value !== idType) return false;
  // A text counts only if it looks like a generated id: 24 hex digits or a UUID.
  return typeof value === "number" ? Number.isInteger(value) : /^(?:[0-9a-f]{24}|[0-9a-f-]{36})$/.test(value);
}

function isPage(value: unknown): boolean {
  return isObject(value) && Array.isArray(value["docs"]) && "hasNextPage" in value;
}
