import type { RecordId, Tenant } from "../../core/context.ts";
import { readScope } from "../../core/scope.ts";
import { isSameId, relatedId } from "./ids.ts";
import type { PayloadSettings } from "./settings.ts";

/** `unseen`: the record does not show an owner. */
type Ownership = "ours" | "foreign" | "unseen";

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

/** Tells whose a record is, for one tenant. */
export class Owners {
  readonly #settings: PayloadSettings;
  readonly #tenant: Tenant;

  constructor(settings: PayloadSettings, tenant: Tenant) {
    this.#settings = settings;
    this.#tenant = tenant;
  }

  /** Whose record it is: in scope, another tenant's, or not shown (a client's `select` left the field out). */
  of(record: Readonly<Record<string, unknown>>, scope: readonly RecordId[]): Ownership {
    const { tenantField } = this.#settings.cms;
    if (!(tenantField in record)) return "unseen";
    return ownersOf(record[tenantField]).some((owner) => isIn(scope, owner)) ? "ours" : "foreign";
  }

  /** The same of a related record, which may be of a collection that the group shares, or that is open to everybody. */
  ofRelated(record: Readonly<Record<string, unknown>>, collection: string | undefined): Ownership {
    const ownership = this.of(record, readScope(this.#tenant, collection));
    const isOpen = collection !== undefined && this.#settings.cms.openCollections.includes(collection);
    return ownership === "unseen" && isOpen ? "ours" : ownership;
  }

  /** The tenant field by ids. Where it is `hasMany` only ids in scope are shown: the others are other tenants' business. */
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
