import { isJson } from "../support/isolation.ts";
import { lawOfValue, type Needed, type Place } from "./laws.ts";

/** A difference between the two values. */
export interface Difference {
  readonly path: string;
  readonly direct: unknown;
  readonly partner: unknown;
}

/** Ids that a database or Payload makes up: of rows (24 hex digits) and, with UUIDs, of records. */
const MADE_UP = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])/g;

/** Compares two values. Generated ids are equal if each maps to the other wherever it occurs. */
export class Comparison {
  readonly #there = new Map<string, string>();
  readonly #back = new Map<string, string>();
  readonly #needed: Needed;
  readonly #foreign: ReadonlySet<unknown>;

  /** `foreign` are the ids of other tenants' venues, in the CMS of the direct requests. */
  constructor(needed: Needed, foreign: ReadonlySet<unknown>) {
    this.#needed = needed;
    this.#foreign = foreign;
  }

  /** The first difference that no law permits. */
  first(direct: unknown, partner: unknown): Difference | undefined {
    return this.#at({ path: [], direct, partner, holder: undefined });
  }

  #at(place: Place): Difference | undefined {
    const { path, direct, partner } = place;
    if (Object.is(direct, partner)) return undefined;
    if (Array.isArray(direct) && Array.isArray(partner) && direct.length === partner.length) {
      return this.#firstOf(
        direct.map((item: unknown, i): Place => ({ ...place, direct: item, partner: partner[i] })),
      );
    }
    if (isJson(direct) && isJson(partner)) {
      const names = new Set([...Object.keys(direct), ...Object.keys(partner)]);
      const places = Array.from(names, (name): Place => ({
        path: [...path, name],
        direct: direct[name],
        partner: partner[name],
        holder: direct,
      }));
      return this.#firstOf(places);
    }
    if (typeof direct === "string" && typeof partner === "string" && this.#stands(direct, partner))
      return undefined;
    const law = lawOfValue(place, this.#foreign);
    if (law === undefined) return { path: path.join("."), direct, partner };
    this.#needed.note(law);
    return undefined;
  }

  #firstOf(places: readonly Place[]): Difference | undefined {
    for (const place of places) {
      const found = this.#at(place);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** True for texts that are equal but for made-up ids, which messages quote as well. */
  #stands(direct: string, partner: string): boolean {
    const [ours, theirs] = [direct.match(MADE_UP) ?? [], partner.match(MADE_UP) ?? []];
    if (ours.length === 0 || ours.length !== theirs.length) return false;
    if (direct.replaceAll(MADE_UP, "") !== partner.replaceAll(MADE_UP, "")) return false;
    return ours.every((id, i) => this.#isSameId(id, theirs[i] ?? ""));
  }

  #isSameId(direct: string, partner: string): boolean {
    if (!this.#there.has(direct) && !this.#back.has(partner)) {
      this.#there.set(direct, partner);
      this.#back.set(partner, direct);
    }
    return this.#there.get(direct) === partner && this.#back.get(partner) === direct;
  }
}
