import { isObject } from "../core/json.ts";
import { idIn, shown } from "./laws.ts";
import {
  ask,
  isId,
  pathOf,
  type Bench,
  type Id,
  type Judgement,
  type Law,
  type Party,
  type World,
} from "./world.ts";

/** What must hold of records after a write was tried. Everything is read back through the API. */

/** Where a record of one collection is looked at from. */
export interface Spot {
  readonly world: World;
  readonly own: Party;
  readonly other: Party;
  readonly collection: string;
  /** True where the trick of that number is to be tried here: on each collection in turn, or on all. */
  readonly isTurn: (trick: number) => boolean;
}

/** The record that this worker holds for `owner` is, read by its owner, byte for byte what it was. */
export function untouched(spot: Spot, owner: Party): Law {
  return async (_, bench) => {
    const held = await bench.desk.record(owner, spot.collection);
    const now = await readBack(spot, owner, { bench, id: held.id });
    if (now.text === held.text) return undefined;
    bench.desk.spoil(owner, spot.collection);
    return `record ${spot.collection}/${held.id} of tenant ${owner.side} is no longer what it was: ${shown(now)}`;
  };
}

/** A create made a record of the asker's tenant, or none. */
export function createdOwn(spot: Spot): Law {
  return async (seen, bench) => {
    if (seen.status !== 201) return seen.status >= 400 ? undefined : `expected 201; got ${shown(seen)}`;
    const id = isObject(seen.json) ? seen.json["id"] : undefined;
    if (!isId(id)) return `a created document without an id: ${shown(seen)}`;
    bench.desk.adopt(spot.own, spot.collection, id);
    return belongs(spot, bench, id);
  };
}

/** The record that this worker holds for the asker is still the asker's, whatever else was written to it. */
export function stillOwn(spot: Spot): Law {
  return async (_, bench) => {
    const { id } = await bench.desk.record(spot.own, spot.collection);
    const problem = await belongs(spot, bench, id);
    // A write that is allowed changes the record, and the next case wants to know what it was.
    bench.desk.spoil(spot.own, spot.collection);
    return problem;
  };
}

/** The record is its owner's, and the other tenant's key does not see it where nothing is shared. */
async function belongs(spot: Spot, bench: Bench, id: Id): Promise<Judgement> {
  const { world, own, other, collection } = spot;
  const mine = await readBack(spot, own, { bench, id });
  if (mine.status !== 200 || !isObject(mine.json))
    return `${collection}/${id} is not its owner's any more: ${shown(mine)}`;
  const owner = idIn(mine.json[world.names.tenantField]);
  if (owner !== undefined && own.id !== undefined && String(owner) !== String(own.id))
    return `${collection}/${id} belongs to tenant ${owner}`;
  if (world.shared.has(collection)) return undefined;
  const theirs = await readBack(spot, other, { bench, id });
  return theirs.status === 404
    ? undefined
    : `${collection}/${id} is seen by tenant ${other.side}: ${shown(theirs)}`;
}

/** A read by a party's own key and path, with what is different in every answer taken out. */
async function readBack({ world, collection }: Spot, party: Party, at: { bench: Bench; id: Id }) {
  return at.bench.send(ask(party, `${pathOf(world.names, party.slug, collection, at.id)}?depth=0`));
}
