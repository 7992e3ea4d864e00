import type { RecordId, Tenant } from "../../core/context.ts";
import { readScope } from "../../core/scope.ts";
import { isSameId, relatedId } from "./ids.ts";
import type { PayloadSettings } from "./settings.ts";

/** The ownership of a record as one tenant sees it. `unseen`: the record does not show an owner. */
type Ownership = "ours" | "foreign" | "unseen";

/**
 * Returns the tenants in a tenant field, populated or not: one, several if the field is `hasMany`, none if it
 * is unset.
 */
export function ownersOf(value: unknown): readonly RecordId[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((one) => relatedId(one)).filter((id) => id !== undefined);
}

/** True if a tenant field names this tenant and no other. Only then may the tenant write the record. */
export function isOwnedByAlone(value: unknown, tenantId: RecordId): boolean {
  const owners = ownersOf(value);
  return owners.length > 0 && owners.every((owner) => isSameId(owner, tenantId));
}

/** Determines the ownership of records for one tenant. */
export class Owners {
  readonly #settings: PayloadSettings;
  readonly #tenant: Tenant;

  constructor(settings: PayloadSettings, tenant: Tenant) {
    this.#settings = settings;
    this.#tenant = tenant;
  }

  /**
   * Returns the ownership of a record: in scope, another tenant's, or not shown (a client's `select` left the
   * field out).
   */
  of(record: Readonly<Record<string, unknown>>, scope: readonly RecordId[]): Ownership {
    const { tenantField } = this.#settings.cms;
    if (!(tenantField in record)) return "unseen";
    return ownersOf(record[tenantField]).some((owner) => isIn(scope, owner)) ? "ours" : "foreign";
  }

  /**
   * Returns the ownership of a related record. The group may share its collection, or the collection may be
   * open to every tenant.
   */
  ofRelated(record: Readonly<Record<string, unknown>>, collection: string | undefined): Ownership {
    const ownership = this.of(record, readScope(this.#tenant, collection));
    const isOpen = collection !== undefined && this.#settings.cms.openCollections.includes(collection);
    return ownership === "unseen" && isOpen ? "ours" : ownership;
  }

  /**
   * Returns the tenant field as ids. A `hasMany` field keeps only the ids in scope: the others would reveal
   * other tenants.
   */
  shown(value: unknown, collection: string | undefined): unknown {
    if (!Array.isArray(value)) return relatedId(value) ?? null;
    const scope = readScope(this.#tenant, collection);
    const shown = ownersOf(value).filter((owner) => isIn(scope, owner));
    const isAsItWas = shown.length === value.length && shown.every((owner, i) => owner === value[i]);
    return isAsItWas ? value : shown;
  }
}

function isIn(scope: readonly RecordId[], owner: RecordId): boolean {
  return scope.some((id) => isSameId(owner, id));
}
