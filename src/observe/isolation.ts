import { LRUCache } from "lru-cache";

/** The number of breaches and of fields on the status page. */
const SHOWN = 50;
/**
 * The number of breaches and of fields that one process keeps. The least recently seen entry is evicted
 * first.
 */
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
    this.#entries.set(name, added(this.#entries.get(name), entry));
  }

  all(): readonly T[] {
    return [...this.#entries.values()];
  }
}

/** Merges the entries of all processes into one list, the latest first. */
export function addEntries<T extends Entry>(lists: readonly (readonly T[])[]): T[] {
  const all = new Map<string, T>();
  for (const entry of lists.flat()) all.set(nameOf(entry), added(all.get(nameOf(entry)), entry));
  return [...all.values()].toSorted((a, b) => b.seen - a.seen).slice(0, SHOWN);
}

function added<T extends Entry>(known: T | undefined, entry: T): T {
  if (known === undefined) return entry;
  const latest = entry.seen >= known.seen ? entry : known;
  return { ...latest, count: known.count + entry.count };
}

function nameOf(entry: Entry): string {
  return JSON.stringify({ ...entry, requestId: "", count: 0, seen: 0 });
}
