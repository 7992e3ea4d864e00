import type { Place as Found } from "../../core/foreign.ts";
import type { Job } from "../../core/ports.ts";
import type { RecordId, Tenant } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { readScope } from "../../core/scope.ts";
import { isSameId, relatedId } from "./ids.ts";
import { renameOutward } from "./names.ts";
import { ownersOf } from "./owners.ts";
import { isJoinPage, polymorphicName, polymorphicTarget, RecordKind } from "./record-kind.ts";
import { isBelow, stated, type FieldPlace } from "./field-place.ts";
import type { PayloadSettings } from "./settings.ts";
import { holdersOf, isProven, isSameRelation } from "./virtual-fields.ts";
import { Tripwire } from "./tripwire.ts";

/** In place of a value: its field is left out. */
const WITHHELD = Symbol("withheld");

/**
 * What may leave in a record: nothing secret at any depth, and of populated relations only records that are provably
 * in scope. A populated record that is not, a user's and any whose owner cannot be seen included, becomes its id; in
 * a join's list, where even the id is news, it is left out.
 */
export class Sieve {
  /** True once something was taken out of, replaced or renamed in what it was shown: then and only then a record is not as it came. */
  hasChanged = false;
  readonly #settings: PayloadSettings;
  readonly #tenant: Tenant;
  readonly #kind: RecordKind;
  readonly #tripwire: Tripwire;

  constructor(settings: PayloadSettings, job: Pick<Job, "tenant" | "requestId">) {
    this.#settings = settings;
    this.#tenant = job.tenant;
    this.#kind = new RecordKind(settings, job.tenant.id);
    this.#tripwire = new Tripwire(settings, job);
  }

  /** True where the main record of an answer may leave: it shows an owner that the permit names. */
  passes(record: Record<string, unknown>, { collection, scope }: MainRecord): boolean {
    return this.#ownership(record, scope) === "ours" || this.#tripwire.lets("main", collection);
  }

  /** Tells of what was found. Call it once, at the end, whatever the end. */
  report(): void {
    this.#tripwire.report();
  }

  /** Cleans a record of `collection` in place, populated relations included, and gives its fields their version's names. */
  clean(
    record: Record<string, unknown>,
    collection: string | undefined,
    { joinsInScope = false, proof, hidden = [] }: Viewing = {},
  ): void {
    const { tenantField } = this.#settings.cms;
    // First: populated, the tenant would be taken for a record that does not show whose it is.
    if (tenantField in record)
      this.#put(record, tenantField, this.#shownTenant(record[tenantField], collection));
    // Before the records that they come from are cut down to ids.
    this.#withholdVirtual(record, collection, proof);
    for (const name of hidden) this.hide(record, name);
    this.#members(record, { collection, path: "", joinsInScope });
    // Last: everything before knows fields by the CMS's names.
    const names = this.#settings.names(collection);
    if (!names.differ) return;
    this.hasChanged = true;
    renameOutward(record, names);
  }

  /** A value that comes from a related record is withheld where that record would be (`cms.virtualFields`). */
  #withholdVirtual(
    record: Record<string, unknown>,
    collection: string | undefined,
    proof: Record<string, unknown> | undefined,
  ): void {
    for (const field of this.#settings.virtualFields.of(collection)) {
      const proves = (related: Record<string, unknown>, path: string): boolean => {
        const target = stated(this.#settings.cms.relations, { collection, path });
        return !this.#kind.isUser(related) && this.#isOurs(related, target);
      };
      if (this.#tripwire.isOpen || isProven(record, field, proves)) continue;
      if (proof !== undefined && isSameRelation(record, proof, field) && isProven(proof, field, proves))
        continue;
      for (const [holder, name] of holdersOf(record, field)) this.hide(holder, name);
    }
  }

  /** Whose record it is: in scope, somebody else's, or not to be seen (a client's `select` left it out). */
  #ownership(record: Record<string, unknown>, scope: readonly RecordId[]): "ours" | "foreign" | "unseen" {
    const { tenantField } = this.#settings.cms;
    if (!(tenantField in record)) return "unseen";
    const isOurs = ownersOf(record[tenantField]).some((owner) => scope.some((id) => isSameId(owner, id)));
    return isOurs ? "ours" : "foreign";
  }

  /** The tenant field by ids. Where it is `hasMany` only ids in scope are shown: the others are other tenants' business. */
  #shownTenant(value: unknown, collection: string | undefined): unknown {
    if (!isList(value)) return relatedId(value) ?? null;
    const scope = readScope(this.#tenant, collection);
    const shown = ownersOf(value).filter((owner) => scope.some((id) => isSameId(owner, id)));
    const isAsItWas = shown.length === value.length && shown.every((owner, i) => owner === value[i]);
    return isAsItWas ? value : shown;
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

  /** Takes a field out of a record. */
  hide(holder: Record<string, unknown>, name: string): void {
    if (!Object.hasOwn(holder, name)) return;
    this.hasChanged = true;
    delete holder[name];
  }

  /** Puts what may stand there in a field's place. */
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
    if (isJoinPage(value)) return this.#join(value, value.docs, at);
    const { value: target, ...rest } = value;
    const { relationTo } = rest;
    // A record may have fields of these names as well; then it is one, and has to prove its owner.
    if (typeof relationTo === "string" && isObject(target) && !this.#kind.isPopulated(rest, at, true)) {
      this.#members(rest, { ...at, path: `${at.path}.polymorphic` });
      return { ...rest, value: this.#populated(target, relationTo) };
    }
    const declared = this.#declaredTarget(at);
    const isPopulated = declared === undefined ? this.#kind.isPopulated(value, at, inList) : "id" in value;
    if (isPopulated) return this.#populated(value, declared);
    this.#members(value, at);
    return value;
  }

  /** A populated record as it may leave: itself, cleaned, or its id. */
  #populated(record: Record<string, unknown>, collection: string | undefined): unknown {
    if (!this.#mayLeave(record, collection, "relation")) return relatedId(record) ?? null;
    this.clean(record, collection);
    return record;
  }

  /** A user never does, whatever the tripwire's mode: that would be no record of a tenant's, but a person's. */
  #mayLeave(record: Record<string, unknown>, collection: string | undefined, place: Found): boolean {
    if (this.#kind.isUser(record)) return false;
    return this.#isOurs(record, collection) || this.#tripwire.lets(place, collection);
  }

  #isOurs(record: Record<string, unknown>, collection: string | undefined): boolean {
    const ownership = this.#ownership(record, readScope(this.#tenant, collection));
    if (ownership !== "unseen") return ownership === "ours";
    return collection !== undefined && this.#settings.cms.openCollections.includes(collection);
  }

  /**
   * A join lists the records that point here, whoever they belong to. One that was asked for in scope keeps its page, less
   * a breach. Any other leaves only where the page is whole and every record on it proves its owner; else the field is left
   * out, since a shorter page would deny records of the partner's own.
   */
  #join(page: Record<string, unknown>, docs: readonly unknown[], at: FieldPlace): unknown {
    const collection = stated(this.#settings.cms.joins, at);
    const isAsked = at.joinsInScope && collection !== undefined;
    const place = isAsked ? "join" : "relation";
    const kept: unknown[] = [];
    for (const item of docs) {
      const record = polymorphicTarget(item);
      const target = polymorphicName(item) ?? collection;
      if (!isObject(record)) {
        if (isAsked || this.#tripwire.lets(place, target)) kept.push(item);
      } else if (this.#mayLeave(record, target, place)) {
        this.clean(record, target);
        kept.push(item);
      }
    }
    if (kept.length === docs.length && (isAsked || this.#tripwire.isOpen || page["hasNextPage"] === false))
      return { ...page, docs: kept };
    return isAsked ? { docs: kept, hasNextPage: false } : WITHHELD;
  }

  #declaredTarget(at: FieldPlace): string | undefined {
    return stated(this.#settings.cms.relations, at);
  }
}

/** How a record is looked at. */
export interface Viewing {
  /** True where its declared joins were asked for in scope, which the CMS does for the main record of a read. */
  readonly joinsInScope?: boolean;
  /** The same record with the relations populated from which its virtual fields take their values. */
  readonly proof?: Record<string, unknown> | undefined;
  /** Fields of it that are there for the gateway alone. */
  readonly hidden?: readonly string[];
}

/** What the main records of an answer are: of which collection, and of which tenants the request was permitted. */
export interface MainRecord {
  readonly collection: string;
  readonly scope: readonly RecordId[];
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}
