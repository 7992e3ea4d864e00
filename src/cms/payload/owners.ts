import type { RecordId } from "../../core/context.ts";
import { isSameId, relatedId } from "./ids.ts";

/** The tenants that a tenant field names, populated or not: one, several where it is `hasMany`, none where it is unset. */
export function ownersOf(value: unknown): readonly RecordId[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((one) => relatedId(one)).filter((id) => id !== undefined);
}

/** True where a tenant field names this tenant and no other: then the tenant may write the record. */
export function isOwnedByAlone(value: unknown, tenantId: RecordId): boolean {
  const owners = ownersOf(value);
  return owners.length > 0 && owners.every((owner) => isSameId(owner, tenantId));
}
