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

/** The requirements on records after an attempted write. The laws read the records through the API. */

/** The tenants and the collection of a write. */
export interface Spot {
  readonly world: World;
  readonly own: Party;
  readonly other: Party;
  readonly collection: string;
  /** Returns true if this collection tries the trick of that number: one collection per trick, or all. */
  readonly isTurn: (trick: number) => boolean;
}

/** Requires that this worker's record of `owner`, read by its owner, is byte for byte unchanged. */
export function untouched(spot: Spot, owner: Party): Law {
  return async (_, bench) => {
    const held = await bench.desk.record(owner, spot.collection);
    const now = await readBack(spot, owner, { bench, id: held.id });
    if (now.text === held.text) return undefined;
    bench.desk.spoil(owner, spot.collection);
    return `record ${spot.collection}/${held.id} of tenant ${owner.side} has changed: ${shown(now)}`;
  };
}

/** Requires that a create makes a record of the key's own tenant, or none. */
export function createdOwn(spot: Spot): Law {
  return async (seen, bench) => {
    if (seen.status !== 201) return seen.status >= 400 ? undefined : `expected 201; got ${shown(seen)}`;
    const id = isObject(seen.json) ? seen.json["id"] : undefined;
    if (!isId(id)) return `a created document without an id: ${shown(seen)}`;
    bench.desk.adopt(spot.own, spot.collection, id);
    return belongs(spot, bench, id);
  };
}

/** Requires that this worker's own record still belongs to its tenant. Other fields may change. */
export function stillOwn(spot: Spot): Law {
  return async (_, bench) => {
    const { id } = await bench.desk.record(spot.own, spot.collection);
    const problem = await belongs(spot, bench, id);
    // An allowed write changes the record, so the next case has to read it again.
    bench.desk.spoil(spot.own, spot.collection);
    return problem;
  };
}

/**
 * Checks that the record belongs to `own`, and that the other tenant's key cannot read it unless it is
 * shared.
 */
async function belongs(spot: Spot, bench: Bench, id: Id): Promise<Judgement> {
  const { world, own, other, collection } = spot;
  const mine = await readBack(spot, own, { bench, id });
  if (mine.status !== 200 || !isObject(mine.json))
    return `${collection}/${id} no longer belongs to its owner: ${shown(mine)}`;
  const owner = idIn(mine.json[world.names.tenantField]);
  if (owner !== undefined && own.id !== undefined && String(owner) !== String(own.id))
    return `${collection}/${id} belongs to tenant ${owner}`;
  if (world.shared.has(collection)) return undefined;
  const theirs = await readBack(spot, other, { bench, id });
  return theirs.status === 404
    ? undefined
    : `${collection}/${id} is visible to tenant ${other.side}: ${shown(theirs)}`;
}

/** Reads a record with a party's own key and path, at depth 0. */
async function readBack({ world, collection }: Spot, party: Party, at: { bench: Bench; id: Id }) {
  return at.bench.send(ask(party, `${pathOf(world.names, party.slug, collection, at.id)}?depth=0`));
}
