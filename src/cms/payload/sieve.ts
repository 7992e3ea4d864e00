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
  readonly #owners: Owners;
  readonly #kind: RecordKind;
  readonly #tripwire: Tripwire;

  constructor(settings: PayloadSettings, job: Pick<Job, "tenant" | "requestId">) {
    this.#settings = settings;
    this.#owners = new Owners(settings, job.tenant);
    this.#kind = new RecordKind(settings, job.tenant.id);
    this.#tripwire = new Tripwire(settings, job);
  }

  /** True where the main record of an answer may leave: it shows an owner that the permit names. */
  passes(record: Record<string, unknown>, { collection, scope }: MainRecord): boolean {
    return this.#owners.of(record, scope) === "ours" || this.#tripwire.letsBreach("main", collection);
  }

  /** Tells of what was found. Call it once, at the end, whatever the end. */
  report(): void {
    this.#tripwire.report();
  }

  /** Cleans a record of `collection` in place, populated relations included, and gives its fields their version's names. */
  clean(
    record: Record<string, unknown>,
    collection: string | undefined,
    { joinsInScope = false, proof, hidden = [], above }: Viewing = {},
  ): void {
    const { tenantField } = this.#settings.cms;
    // First: populated, the tenant would be taken for a record that does not show whose it is.
    if (tenantField in record)
      this.#put(record, tenantField, this.#owners.shown(record[tenantField], collection));
    // Before the records that they come from are cut down to ids.
    this.#withholdVirtual(record, { collection, above }, proof);
    for (const name of hidden) this.hide(record, name);
    this.#members(record, { collection, path: "", joinsInScope, above });
    // Last: everything before knows fields by the CMS's names.
    const names = this.#settings.names(collection);
    if (!names.differ) return;
    this.hasChanged = true;
    renameOutward(record, names);
  }

  /** A value that comes from a related record is withheld where that record would be (`cms.virtualFields`). */
  #withholdVirtual(
    record: Record<string, unknown>,
    { collection, above }: Pick<FieldPlace, "collection" | "above">,
    proof: Record<string, unknown> | undefined,
  ): void {
    for (const field of this.#settings.virtualFields.of(collection)) {
      const proves = (related: Record<string, unknown>, path: string): boolean => {
        const target = stated(this.#settings.cms.relations, { collection, path });
        return !this.#kind.isUser(related) && this.#isOurs(related, target);
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
    if (isJoinPage(value)) return this.#join(value, at);
    const { value: target, ...rest } = value;
    const { relationTo } = rest;
    // A record may have fields of these names as well; then it is one, and has to prove its owner.
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

  /** A populated record as it may leave: itself, cleaned, or its id. */
  #populated(record: Record<string, unknown>, collection: string | undefined, at: FieldPlace): unknown {
    if (!this.#mayLeave(record, collection, at)) return relatedId(record) ?? null;
    this.clean(record, collection, { above: nameOf(at) });
    return record;
  }

  /** A user never does, whatever the tripwire's mode: that would be no record of a tenant's, but a person's. */
  #mayLeave(record: Record<string, unknown>, collection: string | undefined, at: FieldPlace): boolean {
    if (this.#kind.isUser(record)) return false;
    return this.#isOurs(record, collection) || this.#tripwire.letsValue("relation", nameOf(at));
  }

  #isOurs(record: Record<string, unknown>, collection: string | undefined): boolean {
    return this.#owners.ofRelated(record, collection) === "ours";
  }

  /** A join lists the records that point here, whoever they belong to, unless it was asked for in scope. */
  #join(page: JoinPage, at: FieldPlace): unknown {
    const collection = stated(this.#settings.cms.joins, at);
    const isAsked = at.joinsInScope && collection !== undefined;
    const items = page.docs.map((item) => this.#joined(item, collection));
    return isAsked ? this.#askedJoin(page, items, at) : this.#otherJoin(page, items, at);
  }

  /** A join that was asked for in scope keeps its page, less a breach. What shows no owner is withheld with the field. */
  #askedJoin(page: JoinPage, items: readonly Joined[], at: FieldPlace): unknown {
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
   * Any other join leaves only where the page is whole and every record on it proves its owner; else the field is left
   * out, since a shorter page would deny records of the partner's own.
   */
  #otherJoin(page: JoinPage, items: readonly Joined[], at: FieldPlace): unknown {
    const isOurs = page["hasNextPage"] === false && items.every(({ owner }) => owner === "ours");
    if (!isOurs && !this.#tripwire.letsValue("join", nameOf(at))) return WITHHELD;
    const kept = items.filter(({ owner }) => owner !== "user");
    if (kept.length < items.length) return WITHHELD;
    return { ...page, docs: kept.map((item) => this.#listed(item, at)) };
  }

  #joined(item: unknown, collection: string | undefined): Joined {
    const target = polymorphicName(item) ?? collection;
    const record = polymorphicTarget(item);
    if (!isObject(record)) return { item, target, record: undefined, owner: "unseen" };
    const owner = this.#kind.isUser(record) ? "user" : this.#owners.ofRelated(record, target);
    return { item, target, record, owner };
  }

  #listed({ item, record, target }: Joined, at: FieldPlace): unknown {
    if (record !== undefined) this.clean(record, target, { above: nameOf(at) });
    return item;
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
  /** The field that led to it, by which its own fields are named where its collection is unknown. */
  readonly above?: FieldName | undefined;
  /** Fields of it that are there for the gateway alone. */
  readonly hidden?: readonly string[];
}

/** An item of a join's page: the record in it, if it shows one, and whose that is. */
interface Joined {
  readonly item: unknown;
  /** The collection of the record, as far as it is known. */
  readonly target: string | undefined;
  readonly record: Record<string, unknown> | undefined;
  readonly owner: "ours" | "foreign" | "unseen" | "user";
}

/** What the main records of an answer are: of which collection, and of which tenants the request was permitted. */
export interface MainRecord {
  readonly collection: string;
  readonly scope: readonly RecordId[];
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}
