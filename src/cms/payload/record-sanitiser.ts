import type { Job } from "../../core/ports.ts";
import type { RecordId } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { relatedId } from "./ids.ts";
import { renameOutward } from "./names.ts";
import { Owners } from "./owners.ts";
import { isJoinPage, polymorphicName, polymorphicTarget, RecordKind, type JoinPage } from "./record-kind.ts";
import { isBelow, nameOf, stated, type FieldName, type FieldPlace } from "./field-place.ts";
import type { PayloadSettings } from "./settings.ts";
import { holdersOf, isProven, isSameRelation } from "./virtual-fields.ts";
import { Tripwire } from "./tripwire.ts";

/** The result for a value whose field has to be removed. */
const WITHHELD = Symbol("withheld");

/**
 * Cleans the records of one answer. It removes secret fields at any depth, and keeps populated relations only
 * if they are provably in scope. Any other populated record becomes its id, users and records without a
 * visible owner included. A join's list drops such a record, since even its id would be new information.
 */
export class RecordSanitiser {
  /** True once something was removed, replaced or renamed; otherwise the records are unchanged. */
  hasChanged = false;
  readonly #settings: PayloadSettings;
  readonly #owners: Owners;
  readonly #kind: RecordKind;
  readonly #tripwire: Tripwire;

  constructor(settings: PayloadSettings, job: Pick<Job, "tenant" | "requestId">) {
    this.#settings = settings;
    this.#owners = new Owners(settings, job.tenant);
    this.#kind = new RecordKind(settings, job.tenant.id);
    this.#tripwire = new Tripwire(settings, job);
  }

  /** True if the main record of an answer may be returned: it shows an owner that the permit names. */
  passes(record: Record<string, unknown>, { collection, scope }: MainRecord): boolean {
    return this.#owners.of(record, scope) === "ours" || this.#tripwire.letsBreach("main", collection);
  }

  /** Reports the findings. Call it once, at the end, also after an error. */
  report(): void {
    this.#tripwire.report();
  }

  /** Cleans a record of `collection` and its populated relations in place, and applies the version's names. */
  clean(
    record: Record<string, unknown>,
    collection: string | undefined,
    { joinsInScope = false, proof, hidden = [], above }: Viewing = {},
  ): void {
    const { tenantField } = this.#settings.cms;
    // First: a populated tenant would be taken for a record that does not show its owner.
    if (tenantField in record)
      this.#put(record, tenantField, this.#owners.shown(record[tenantField], collection));
    // Before the related records are reduced to ids.
    this.#withholdVirtual(record, { collection, above }, proof);
    for (const name of hidden) this.hide(record, name);
    this.#members(record, { collection, path: "", joinsInScope, above });
    // Last: the steps above use the CMS's field names.
    const names = this.#settings.names(collection);
    if (!names.differ) return;
    this.hasChanged = true;
    renameOutward(record, names);
  }

  /** Removes a virtual field, unless the records that its value comes from may be returned. */
  #withholdVirtual(
    record: Record<string, unknown>,
    { collection, above }: Pick<FieldPlace, "collection" | "above">,
    proof: Record<string, unknown> | undefined,
  ): void {
    for (const field of this.#settings.virtualFields.of(collection)) {
      const proves = (related: Record<string, unknown>, path: string): boolean => {
        const target = stated(this.#settings.cms.relations, { collection, path });
        return !this.#kind.isUser(related) && this.#isInScope(related, target);
      };
      if (isProven(record, field, proves)) continue;
      if (proof !== undefined && isSameRelation(record, proof, field) && isProven(proof, field, proves))
        continue;
      const at = nameOf({ collection, path: field.name.join("."), above });
      for (const [holder, name] of holdersOf(record, field))
        if (Object.hasOwn(holder, name) && !this.#tripwire.letsValue("virtual", at)) this.hide(holder, name);
    }
  }

  #members(holder: Record<string, unknown>, at: FieldPlace): void {
    for (const name of Object.keys(holder)) {
      const value = holder[name];
      if (this.#settings.secretFields.has(name)) this.hide(holder, name);
      else if (typeof value === "object" && value !== null) {
        const path = at.path === "" ? name : `${at.path}.${name}`;
        const kept = this.#value(value, { ...at, path });
        if (kept === WITHHELD) this.hide(holder, name);
        else this.#put(holder, name, kept);
      }
    }
  }

  /** Removes a field from a record. */
  hide(holder: Record<string, unknown>, name: string): void {
    if (!Object.hasOwn(holder, name)) return;
    this.hasChanged = true;
    delete holder[name];
  }

  /** Replaces the value of a field, if it differs. */
  #put(holder: Record<string, unknown>, name: string, value: unknown): void {
    if (holder[name] === value) return;
    this.hasChanged = true;
    holder[name] = value;
  }

  #value(value: unknown, at: FieldPlace, inList = false): unknown {
    if (!isList(value)) return isObject(value) ? this.#object(value, at, inList) : value;
    for (let i = 0; i < value.length; i += 1) {
      const kept = this.#value(value[i], at, true);
      if (kept === value[i]) continue;
      this.hasChanged = true;
      value[i] = kept === WITHHELD ? null : kept;
    }
    return value;
  }

  #object(value: Record<string, unknown>, at: FieldPlace, inList: boolean): unknown {
    if (isBelow(this.#settings.cms.plainFields, at)) {
      this.#members(value, at);
      return value;
    }
    if (isJoinPage(value)) return this.#join(value, at);
    const { value: target, ...rest } = value;
    const { relationTo } = rest;
    // A record can have fields of these names as well. It is then a record and has to prove its owner.
    if (typeof relationTo === "string" && isObject(target) && !this.#kind.isPopulated(rest, at, true)) {
      this.#members(rest, { ...at, path: `${at.path}.polymorphic` });
      return { ...rest, value: this.#populated(target, relationTo, at) };
    }
    const declared = this.#declaredTarget(at);
    const isPopulated = declared === undefined ? this.#kind.isPopulated(value, at, inList) : "id" in value;
    if (isPopulated) return this.#populated(value, declared, at);
    this.#members(value, at);
    return value;
  }

  /** Returns a populated record, cleaned, or its id if the record must not be returned. */
  #populated(record: Record<string, unknown>, collection: string | undefined, at: FieldPlace): unknown {
    if (!this.#mayReturn(record, collection, at)) return relatedId(record) ?? null;
    this.clean(record, collection, { above: nameOf(at) });
    return record;
  }

  /** A user is never returned, in any tripwire mode: it is a person's data, not a record of a tenant. */
  #mayReturn(record: Record<string, unknown>, collection: string | undefined, at: FieldPlace): boolean {
    if (this.#kind.isUser(record)) return false;
    return this.#isInScope(record, collection) || this.#tripwire.letsValue("relation", nameOf(at));
  }

  #isInScope(record: Record<string, unknown>, collection: string | undefined): boolean {
    return this.#owners.ofRelated(record, collection) === "ours";
  }

  /** A join lists the records that point here, of any tenant, unless the gateway requested it in scope. */
  #join(page: JoinPage, at: FieldPlace): unknown {
    const collection = stated(this.#settings.cms.joins, at);
    const isScoped = at.joinsInScope && collection !== undefined;
    const items = page.docs.map((item) => this.#joined(item, collection));
    return isScoped ? this.#scopedJoin(page, items, at) : this.#unscopedJoin(page, items, at);
  }

  /** A join requested in scope loses its breaches. A record without a visible owner withholds the field. */
  #scopedJoin(page: JoinPage, items: readonly JoinItem[], at: FieldPlace): unknown {
    const kept = items.filter(
      ({ owner, target }) =>
        owner !== "user" && (owner !== "foreign" || this.#tripwire.letsBreach("join", target)),
    );
    const isUnproven = kept.some(({ owner, record }) => owner === "unseen" && record !== undefined);
    if (isUnproven && !this.#tripwire.letsValue("join", nameOf(at))) return WITHHELD;
    const docs = kept.map((item) => this.#listed(item, at));
    return kept.length === items.length ? { ...page, docs } : { docs, hasNextPage: false };
  }

  /**
   * Any other join is returned only if its page is complete and every record on it proves its owner.
   * Otherwise the field is removed, since a shorter page would hide records of the partner's own.
   */
  #unscopedJoin(page: JoinPage, items: readonly JoinItem[], at: FieldPlace): unknown {
    const isProvenPage = page["hasNextPage"] === false && items.every(({ owner }) => owner === "ours");
    if (!isProvenPage && !this.#tripwire.letsValue("join", nameOf(at))) return WITHHELD;
    const kept = items.filter(({ owner }) => owner !== "user");
    if (kept.length < items.length) return WITHHELD;
    return { ...page, docs: kept.map((item) => this.#listed(item, at)) };
  }

  #joined(item: unknown, collection: string | undefined): JoinItem {
    const target = polymorphicName(item) ?? collection;
    const record = polymorphicTarget(item);
    if (!isObject(record)) return { item, target, record: undefined, owner: "unseen" };
    const owner = this.#kind.isUser(record) ? "user" : this.#owners.ofRelated(record, target);
    return { item, target, record, owner };
  }

  #listed({ item, record, target }: JoinItem, at: FieldPlace): unknown {
    if (record !== undefined) this.clean(record, target, { above: nameOf(at) });
    return item;
  }

  #declaredTarget(at: FieldPlace): string | undefined {
    return stated(this.#settings.cms.relations, at);
  }
}

/** The options for cleaning a record. */
export interface Viewing {
  /** True if the record's declared joins were requested in scope, as for the main record of a read. */
  readonly joinsInScope?: boolean;
  /** The same record with the relations populated that its virtual fields take their values from. */
  readonly proof?: Record<string, unknown> | undefined;
  /** The field that led to the record. It names the record's fields if the collection is unknown. */
  readonly above?: FieldName | undefined;
  /** Fields of the record that the query selected for the gateway only. */
  readonly hidden?: readonly string[];
}

/** An item of a join's page: its record, if it shows one, and the record's owner. */
interface JoinItem {
  readonly item: unknown;
  /** The collection of the record, if it is known. */
  readonly target: string | undefined;
  readonly record: Record<string, unknown> | undefined;
  readonly owner: "ours" | "foreign" | "unseen" | "user";
}

/** The main records of an answer: their collection, and the tenants that the permit names. */
export interface MainRecord {
  readonly collection: string;
  readonly scope: readonly RecordId[];
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}
