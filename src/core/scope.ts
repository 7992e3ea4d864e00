import type { RecordId, TenantFacts } from "./context.ts";

/**
 * Returns the tenants whose records of a collection may be read: the tenant, or its group if that shares it.
 */
export function readScope({ id, group }: TenantFacts, collection: string | undefined): readonly RecordId[] {
  return collection !== undefined && group?.sharedCollections.includes(collection) ? group.memberIds : [id];
}
