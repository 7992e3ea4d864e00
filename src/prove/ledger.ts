import { randomBytes } from "node:crypto";
import { isObject } from "../core/json.ts";
import type { Wire } from "./wire.ts";
import {
  ask,
  isId,
  pathOf,
  tell,
  type Desk,
  type Doc,
  type Held,
  type Id,
  type Party,
  type World,
} from "./world.ts";

/** The placeholder in sample bodies that is replaced by a mark of this run. */
export const PLACEHOLDER = "{marker}";

interface Entry {
  readonly party: Party;
  readonly collection: string;
  readonly id: Id;
}

/**
 * The records that could not be deleted (`remains`), and the marked records that no case registered
 * (`strays`).
 */
export interface Leftovers {
  readonly remains: readonly string[];
  readonly strays: readonly string[];
}

/** The records that a proof creates, so that it can delete all of them. */
export class MadeRecords {
  /** The mark in the texts of this run's records. */
  readonly mark = `prove-${randomBytes(5).toString("hex")}`;
  readonly #world: World;
  readonly #wire: Wire;
  readonly #entries = new Map<string, Entry>();
  #made = 0;

  constructor(world: World, wire: Wire) {
    this.#world = world;
    this.#wire = wire;
  }

  /** Creates the desk of one worker. */
  desk(): Desk {
    const held = new Map<string, Held>();
    const stale = new Set<string>();
    return {
      sample: (collection) => this.#sample(collection),
      adopt: (party, collection, id) => this.#adopt({ party, collection, id }),
      spoil: (party, collection) => void stale.add(nameOf(party, collection)),
      record: async (party, collection) => {
        const name = nameOf(party, collection);
        const known = held.get(name);
        if (known !== undefined && !stale.has(name)) return known;
        const again = known === undefined ? undefined : await this.#read(party, collection, known.id);
        const record = again ?? (await this.#make(party, collection));
        stale.delete(name);
        held.set(name, record);
        return record;
      },
    };
  }

  /**
   * Deletes every registered record. Then searches both tenants for unregistered records with this run's
   * mark, and deletes those too. Never throws.
   */
  async clear(): Promise<Leftovers> {
    const remains: string[] = [];
    for (const entry of this.#entries.values())
      if (!(await this.#delete(entry))) remains.push(wordsOf(entry));
    const strays: string[] = [];
    for (const party of [this.#world.a, this.#world.b]) {
      for (const collection of this.#world.samples.keys()) {
        for (const id of await this.#find(party, collection)) {
          const entry = { party, collection, id };
          if (!this.#entries.has(keyOf(entry))) strays.push(wordsOf(entry));
          if (!(await this.#delete(entry))) remains.push(wordsOf(entry));
        }
      }
    }
    return { remains: [...new Set(remains)], strays };
  }

  /** The number of registered records. */
  get size(): number {
    return this.#entries.size;
  }

  #sample(collection: string): Doc {
    this.#made += 1;
    const filled = fill(this.#world.samples.get(collection), `${this.mark}-${this.#made}`);
    return isObject(filled) ? filled : {};
  }

  #adopt(entry: Entry): void {
    this.#entries.set(keyOf(entry), entry);
  }

  async #make(party: Party, collection: string): Promise<Held> {
    const target = `${pathOf(this.#world.names, party.slug, collection)}?depth=0`;
    const seen = await this.#wire.send(tell(party, "POST", { target, body: this.#sample(collection) }));
    const id = isObject(seen.json) ? seen.json["id"] : undefined;
    if (seen.status !== 201 || !isId(id))
      throw new Error(
        `the sample of ${collection} is not accepted (key ${party.side}): ${seen.status} ${seen.text.slice(0, 300)}`,
      );
    this.#adopt({ party, collection, id });
    const record = await this.#read(party, collection, id);
    if (record === undefined) throw new Error(`${collection}/${id} was created and its owner cannot read it`);
    return record;
  }

  async #read(party: Party, collection: string, id: Id): Promise<Held | undefined> {
    const seen = await this.#wire.send(
      ask(party, `${pathOf(this.#world.names, party.slug, collection, id)}?depth=0`),
    );
    return seen.status === 200 ? { id, text: seen.text } : undefined;
  }

  /**
   * Deletes a record, with the other tenant's key if it was moved there. Returns true if it no longer exists.
   */
  async #delete({ party, collection, id }: Entry): Promise<boolean> {
    const { a, b, names } = this.#world;
    try {
      for (const owner of party === a ? [a, b] : [b, a]) {
        const target = `${pathOf(names, owner.slug, collection, id)}?depth=0`;
        const { status } = await this.#wire.send(ask(owner, target, { method: "DELETE" }), true);
        if (status === 200) return true;
        const seen = await this.#wire.send(ask(party, target), true);
        if (seen.status === 404 && owner !== party) return true;
      }
      return false;
    } catch {
      return false;
    }
  }

  async #find(party: Party, collection: string): Promise<Id[]> {
    const found: Id[] = [];
    const base = pathOf(this.#world.names, party.slug, collection);
    try {
      // Two lists: the list of published documents does not contain the text of a draft.
      for (const query of ["", "&draft=true"]) {
        const target = `${base}?depth=0&limit=100&sort=-createdAt${query}`;
        const { json } = await this.#wire.send(ask(party, target), true);
        const docs = isObject(json) && Array.isArray(json["docs"]) ? json["docs"] : [];
        for (const doc of docs) {
          if (isObject(doc) && isId(doc["id"]) && JSON.stringify(doc).includes(this.mark))
            found.push(doc["id"]);
        }
      }
    } catch {
      // Unregistered records cannot be found without a list. Registered ones are reported separately.
    }
    return [...new Set(found)];
  }
}

function fill(value: unknown, mark: string): unknown {
  if (typeof value === "string") return value.replaceAll(PLACEHOLDER, mark);
  if (Array.isArray(value)) return value.map((item) => fill(item, mark));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fill(inner, mark)]));
}

function keyOf({ party, collection, id }: Entry): string {
  return `${party.side}/${collection}/${id}`;
}

function nameOf(party: Party, collection: string): string {
  return `${party.side}/${collection}`;
}

function wordsOf({ party, collection, id }: Entry): string {
  return `${collection}/${id} of tenant ${party.side} (${party.slug})`;
}
