import { LRUCache } from "lru-cache";

/** The number of breaches and of fields on the status page. */
const SHOWN = 50;
/** The number of breaches and of fields that are kept. The least recently seen entry is evicted first. */
const KEPT = 200;

interface Entry {
  readonly requestId: string;
  readonly count: number;
  readonly seen: number;
}

/** Entries of one kind since the start. Entries that differ only in request and time are added up. */
export class Entries<T extends Entry> {
  readonly #entries = new LRUCache<string, T>({ max: KEPT });

  add(entry: T): void {
    const name = nameOf(entry);
    const counted = this.#entries.get(name)?.count ?? 0;
    this.#entries.set(name, { ...entry, count: counted + entry.count });
  }

  /** The entries that are shown, the latest first. */
  latest(): T[] {
    return [...this.#entries.values()].toSorted((a, b) => b.seen - a.seen).slice(0, SHOWN);
  }
}

function nameOf(entry: Entry): string {
  return JSON.stringify({ ...entry, requestId: "", count: 0, seen: 0 });
}
