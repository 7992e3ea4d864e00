import type { RecordId } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { isAmong, type FieldPlace } from "./field-place.ts";
import { idKindOf, isRowId, type IdKind } from "./ids.ts";
import type { PayloadSettings } from "./settings.ts";

/** Classifies an object in an answer: a populated record, a user, or a part of the record that holds it. */
export class RecordKind {
  readonly #settings: PayloadSettings;
  /** The format of the CMS's ids. */
  readonly #ids: IdKind;

  /** `sample` is any id of the CMS. */
  constructor(settings: PayloadSettings, sample: RecordId) {
    this.#settings = settings;
    this.#ids = idKindOf(sample);
  }

  /**
   * True for a populated record, false for a part of the record itself. Rows of arrays and blocks have ids
   * too: 24 hex digits unless a client chose another. If records can have such ids as well, a row is an
   * object without timestamps and tenant, or one in a declared field (`cms.rowFields`). In doubt a value
   * counts as populated, and then has to prove its owner.
   */
  isPopulated(value: Record<string, unknown>, at: FieldPlace, inList: boolean): boolean {
    if (!("id" in value)) return false;
    const { id } = value;
    if (typeof id !== "string" || this.isUser(value)) return true;
    if (isAmong(this.#settings.cms.rowFields, at)) return false;
    const { tenantField, textIds } = this.#settings.cms;
    const rowsDiffer = this.#ids !== "text" && textIds.length === 0;
    if (rowsDiffer && isRowId(id) && !(tenantField in value)) return false;
    if ("createdAt" in value || "updatedAt" in value || tenantField in value) return true;
    return !(inList || "blockType" in value || this.#ids === "number");
  }

  /** True for a record of the users collection, and for any record with a field that only users have. */
  isUser(record: Record<string, unknown>): boolean {
    if (record["collection"] === this.#settings.cms.users || "hasAPIKey" in record) return true;
    for (const name of this.#settings.secretFields) if (name in record) return true;
    return false;
  }
}

/** The value of a join field: a page of the records that point here. */
export type JoinPage = Record<string, unknown> & { docs: readonly unknown[] };

/** True for the value of a join field. */
export function isJoinPage(value: unknown): value is JoinPage {
  return isObject(value) && Array.isArray(value["docs"]) && "hasNextPage" in value;
}

/** Returns the record of a polymorphic relation's item, or the item itself. */
export function polymorphicTarget(item: unknown): unknown {
  return isObject(item) && typeof item["relationTo"] === "string" && "value" in item ? item["value"] : item;
}

/** Returns the collection that a polymorphic relation's item names. */
export function polymorphicName(item: unknown): string | undefined {
  return isObject(item) && typeof item["relationTo"] === "string" && "value" in item
    ? item["relationTo"]
    : undefined;
}
