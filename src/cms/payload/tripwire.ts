import type { Finding, Place } from "../../core/foreign.ts";
import type { Job } from "../../core/ports.ts";
import type { PayloadSettings } from "./settings.ts";

/** What is done about a record outside the scope, by `partners.tripwire`; gathers what it saw in one answer. */
export class Tripwire {
  readonly #settings: PayloadSettings;
  readonly #requestId: string;
  readonly #found = new Map<string, Finding>();

  constructor(settings: PayloadSettings, { requestId }: Pick<Job, "requestId">) {
    this.#settings = settings;
    this.#requestId = requestId;
  }

  /** True where nothing is held back, whoever it belongs to. */
  get isOpen(): boolean {
    return this.#settings.tripwire !== "enforce";
  }

  /** A record that does not prove to be of the scope: noted, and true where it may leave all the same. */
  lets(place: Place, collection: string | undefined): boolean {
    const { tripwire } = this.#settings;
    if (tripwire === "off") return true;
    const action = tripwire === "observe" ? "observed" : place === "main" ? "refused" : "replaced";
    const name = this.#nameOf(collection);
    const key = `${place} ${name}`;
    const count = (this.#found.get(key)?.count ?? 0) + 1;
    this.#found.set(key, { requestId: this.#requestId, place, action, collection: name, count });
    return tripwire === "observe";
  }

  /** Tells of what was found. One call for a place and collection: a list can hold hundreds. */
  report(): void {
    for (const finding of this.#found.values()) this.#settings.onForeign(finding);
  }

  /** A collection's name may stand in a partner's own JSON; as it is it would be a metric's label without end. */
  #nameOf(collection: string | undefined): string {
    if (collection === undefined) return "unknown";
    return this.#settings.knownCollections.has(collection) ? collection : "other";
  }
}
