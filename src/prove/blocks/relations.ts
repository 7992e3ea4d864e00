import { isObject } from "../../core/json.ts";
import { all, shown, status } from "../laws.ts";
import { relationFields } from "../relations.ts";
import type { RawRequest } from "../wire.ts";
import {
  ask,
  missingLike,
  pathOf,
  tell,
  type Block,
  type Desk,
  type Doc,
  type Id,
  type Law,
} from "../world.ts";
import type { Spot } from "../write-laws.ts";
import { spots } from "./bodies.ts";

/** The gateway's message on a relation to a record that the tenant may not use. */
const UNUSABLE = "This relationship leads to no record that can be used here.";

/**
 * The block of relations from an own record to a record of the other tenant. It checks every answer that
 * could populate the relation. A CMS may refuse such a relation; if it does not, the gateway must withhold
 * the record.
 */
export const relations: Block = {
  name: "relations",
  tries: "an own record that refers to the other tenant's: population must not return it",
  writes: true,
  *cases(world) {
    for (const spot of spots(world)) {
      const { own, other, collection } = spot;
      const docs = [own, other].flatMap((party) => party.shelves.get(collection)?.docs ?? []);
      for (const field of relationFields([own, other], collection, world.names.tenantField)) {
        for (const target of world.collections) {
          if (world.shared.has(target)) continue;
          const theirs = telling(other.shelves.get(target)?.docs ?? [], other.markers);
          if (theirs === undefined) continue;
          for (const [i, depth] of [2, 1, 10].entries()) {
            if (i > 0 && !world.isThorough) continue;
            const pointingAt = async (desk: Desk, to: Id) => {
              const { id } = await desk.record(own, collection);
              const body = { ...desk.sample(collection), [field]: pointer(docs, field, { target, id: to }) };
              return tell(own, "PATCH", {
                target: `${pathOf(world.names, own.slug, collection, id)}?depth=${depth}`,
                body,
              });
            };
            const attempt = (desk: Desk) => pointingAt(desk, theirs.id);
            // Some databases fail on a relation to a missing record: 500, with no text of the CMS.
            const law = all(
              status(200, 400, 409, 422, 500),
              hides(spot, theirs.texts),
              laterHides(spot, { depth, texts: theirs.texts }),
              asIfMissing(spot, field, (desk) => pointingAt(desk, missingLike(theirs.id))),
            );
            const name = `${collection}.${field} to ${target}/${theirs.id}, depth ${depth}, key ${own.side}`;
            yield { name, own, other, attempt, law };
          }
        }
      }
    }
  },
};

/** Returns a document with unique texts, so that a leak of it can be detected. */
function telling(
  docs: readonly Doc[],
  markers: readonly string[],
): { id: Id; texts: readonly string[] } | undefined {
  for (const doc of docs) {
    const { id } = doc;
    if (typeof id !== "string" && typeof id !== "number") continue;
    const text = JSON.stringify(doc);
    const texts = markers.filter((marker) => text.includes(marker));
    if (texts.length > 0) return { id, texts };
  }
  return undefined;
}

/** Returns the id in the form that this field uses. */
function pointer(docs: readonly Doc[], field: string, to: { target: string; id: Id }): unknown {
  const known = docs.map((doc) => doc[field]).find((value) => value !== null && value !== undefined);
  const one = (like: unknown) =>
    isObject(like) && "relationTo" in like ? { relationTo: to.target, value: to.id } : to.id;
  return Array.isArray(known) ? [one(known[0])] : one(known);
}

function hides({ other }: Spot, texts: readonly string[]): Law {
  return (seen) => {
    const leaked = texts.find((text) => seen.text.includes(text));
    return leaked === undefined ? undefined : `tenant ${other.side}'s record, populated: ${shown(seen)}`;
  };
}

/**
 * Requires equal treatment of the other tenant's record and a missing one. If the gateway refuses a relation
 * to a missing record with its own message, it checks that field, and must refuse the other tenant's record
 * too. For unchecked fields the CMS decides. The same id may exist in several collections, so a populated
 * answer shows a record that the own tenant may use.
 */
function asIfMissing(spot: Spot, field: string, toMissing: (desk: Desk) => Promise<RawRequest>): Law {
  return async (seen, { desk, send }) => {
    if (seen.status !== 200 || (isObject(seen.json) && isPopulated(seen.json[field]))) return undefined;
    const missing = await send(await toMissing(desk));
    desk.spoil(spot.own, spot.collection);
    return missing.status === 422 && missing.text.includes(UNUSABLE)
      ? `a missing record is refused, the other's is not: ${shown(seen)}`
      : undefined;
  };
}

function isPopulated(relation: unknown): boolean {
  const one: unknown = Array.isArray(relation) ? relation[0] : relation;
  return isObject(one) && (!("relationTo" in one) || isObject(one["value"]));
}

/** Requires that later reads, by id and in a list, do not contain the texts either. */
function laterHides(spot: Spot, { depth, texts }: { depth: number; texts: readonly string[] }): Law {
  const { world, own, collection } = spot;
  return async (seen, bench) => {
    if (seen.status !== 200) return undefined;
    const { id } = await bench.desk.record(own, collection);
    bench.desk.spoil(own, collection);
    const base = pathOf(world.names, own.slug, collection);
    const populate = world.collections.map((name) => `populate[${name}][title]=true`).join("&");
    for (const target of [
      `${base}/${id}?depth=${depth}`,
      `${base}?where[id][equals]=${id}&depth=${depth}`,
      `${base}/${id}?depth=${depth}&${populate}`,
    ]) {
      const problem = await hides(spot, texts)(await bench.send(ask(own, target)), bench);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}
