import { DISGUISES, type Disguise } from "../disguises.ts";
import { contained, ownOnly, refused } from "../laws.ts";
import { ask, aims, pathOf, type Aim, type Block, type Case, type Id, type Law } from "../world.ts";

/** Cases about naming a tenant: each way alone, in combinations, in contradiction and in unusual forms. */

/**
 * The values of one way to name a tenant: absent, empty, the own tenant, the other, one that does not exist.
 */
const HEADER_SLOTS = ["absent", "empty", "own", "other", "missing"] as const;
const PATH_SLOTS = ["own", "other", "missing"] as const;
type Slot = (typeof HEADER_SLOTS)[number];

const NO_TENANT = "no-such-tenant";
const NO_TENANT_ID = 987654321;

/** The reads of each combination. None of them may return a record of the other tenant. */
const READS = [
  { name: "list", method: "GET", of: (): Id[] => [] },
  { name: "HEAD list", method: "HEAD", of: (): Id[] => [] },
  { name: "read own", method: "GET", of: (aim: Aim): Id[] => [aim.mine] },
  { name: "read foreign", method: "GET", of: (aim: Aim): Id[] => [aim.theirs] },
  { name: "HEAD foreign", method: "HEAD", of: (aim: Aim): Id[] => [aim.theirs] },
] as const;

type Read = (typeof READS)[number];

/** The block of combinations of the three ways to name a tenant, each with every read. */
export const naming: Block = {
  name: "naming",
  tries: "id header, slug header and path in every combination, including contradictory ones",
  writes: false,
  *cases(world) {
    for (const aim of oncePerDirection(aims(world))) {
      for (const path of PATH_SLOTS) {
        for (const slug of HEADER_SLOTS) {
          for (const id of HEADER_SLOTS) {
            if ((id === "own" && aim.own.id === undefined) || (id === "other" && aim.other.id === undefined))
              continue;
            const headers = [
              ...header(world.names.idHeader, idOf(id, aim)),
              ...header(world.names.slugHeader, slugOf(slug, aim)),
            ];
            const reaches = [id, slug, path].includes("own") ? "own" : "none";
            for (const read of READS)
              yield caseOf(aim, read, {
                name: `id ${id}, slug ${slug}, path ${path}`,
                path,
                headers,
                reaches,
              });
          }
        }
      }
    }
  },
};

/** The block of repeated, aliased, nominated and look-alike headers. */
export const disguises: Block = {
  name: "disguises",
  tries: "tenant headers repeated, in lists, under aliases (_ and .), nominated by Connection, look-alikes",
  writes: false,
  *cases(world) {
    for (const aim of oncePerDirection(aims(world))) {
      for (const { name, path, headers, reaches } of DISGUISES) {
        const sent = headers(world.names, aim.own.slug, aim.other.slug);
        for (const read of READS) yield caseOf(aim, read, { name, path, headers: sent, reaches });
      }
    }
  },
};

function caseOf(
  aim: Aim,
  read: Read,
  how: { name: string; path: Slot; headers: readonly string[]; reaches: Disguise["reaches"] },
): Case {
  const { world, own, other, collection } = aim;
  const ids = read.of(aim);
  const query = ids.length === 0 ? "?depth=0&limit=5" : "?depth=0";
  const target = pathOf(world.names, slugOf(how.path, aim) ?? NO_TENANT, collection, ...ids) + query;
  const isForeign = ids[0] === aim.theirs && !world.shared.has(collection);
  const reached: Law = isForeign ? refused("document") : ownOnly(aim);
  const law: Law =
    how.reaches === "none"
      ? refused("tenant")
      : how.reaches === "own"
        ? reached
        : (seen, bench) => (seen.status === 404 ? contained(aim)(seen, bench) : reached(seen, bench));
  const name = `${read.name} ${collection}, ${how.name}, key ${own.side}`;
  return {
    name,
    own,
    other,
    attempt: ask(own, target, { method: read.method, headers: how.headers }),
    law,
  };
}

function header(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}

function slugOf(slot: Slot, aim: Aim): string | undefined {
  if (slot === "absent") return undefined;
  return slot === "empty" ? "" : slot === "missing" ? NO_TENANT : aim[slot].slug;
}

function idOf(slot: Slot, aim: Aim): string | undefined {
  if (slot === "absent") return undefined;
  return slot === "empty" ? "" : String(slot === "missing" ? NO_TENANT_ID : aim[slot].id);
}

/** Keeps one collection per direction, because naming a tenant does not depend on the collection. */
function oncePerDirection(known: Iterable<Aim>): Aim[] {
  const bySide = new Map<string, Aim>();
  for (const aim of known) {
    const first = bySide.get(aim.own.side);
    if (
      first === undefined ||
      (first.world.lent.has(first.collection) && !aim.world.lent.has(aim.collection))
    )
      bySide.set(aim.own.side, aim);
  }
  return [...bySide.values()];
}
