import type { Breach, Place, ValueKind, WithheldValues } from "../../core/foreign.ts";
import type { Job } from "../../core/ports.ts";
import type { FieldName } from "./field-place.ts";
import type { PayloadSettings } from "./settings.ts";

/** Paths that are safe as a metric label: a partner's own JSON can have members of any name. */
const FIELD_PATH = /^[A-Za-z_]\w*(?:[.-]\w+)*$/;
const LONGEST_PATH = 100;

/**
 * Applies `partners.tripwire` to records and values that do not prove to be in scope. It collects the
 * findings of one answer, and separates breaches from values that are merely unproven.
 */
export class Tripwire {
  readonly #settings: PayloadSettings;
  readonly #requestId: string;
  readonly #breaches = new Map<string, Breach>();
  readonly #withheld = new Map<string, WithheldValues>();

  constructor(settings: PayloadSettings, { requestId }: Pick<Job, "requestId">) {
    this.#settings = settings;
    this.#requestId = requestId;
  }

  /**
   * Notes a record that was requested in scope and is not in scope. Returns true if it may be returned
   * nevertheless.
   */
  letsBreach(place: Place, collection: string | undefined): boolean {
    const { tripwire } = this.#settings;
    if (tripwire === "off") return true;
    const action = tripwire === "observe" ? "observed" : place === "main" ? "refused" : "replaced";
    const name = this.#nameOf(collection);
    const key = `${place} ${name}`;
    const count = (this.#breaches.get(key)?.count ?? 0) + 1;
    this.#breaches.set(key, { requestId: this.#requestId, place, action, collection: name, count });
    return tripwire === "observe";
  }

  /** Notes a value that does not prove to be in scope. Returns true if it may be returned nevertheless. */
  letsValue(kind: ValueKind, at: FieldName): boolean {
    const { tripwire } = this.#settings;
    if (tripwire === "off") return true;
    const action = tripwire === "observe" ? "observed" : "withheld";
    const collection = this.#nameOf(at.collection);
    const path = at.path.length <= LONGEST_PATH && FIELD_PATH.test(at.path) ? at.path : "other";
    const key = `${kind} ${collection} ${path}`;
    const count = (this.#withheld.get(key)?.count ?? 0) + 1;
    this.#withheld.set(key, { requestId: this.#requestId, kind, action, collection, path, count });
    return tripwire === "observe";
  }

  /**
   * Reports the findings: one event per place and collection, and one per field, since a list can hold
   * hundreds.
   */
  report(): void {
    const { tell } = this.#settings;
    for (const breach of this.#breaches.values()) tell.isolation(breach);
    for (const values of this.#withheld.values()) tell.withheld(values);
  }

  /**
   * Returns a collection's name as a metric label. Names in a partner's own JSON would make the number of
   * labels unbounded.
   */
  #nameOf(collection: string | undefined): string {
    if (collection === undefined) return "unknown";
    return this.#settings.knownCollections.has(collection) ? collection : "other";
  }
}
