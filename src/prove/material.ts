import { isObject } from "../core/json.ts";
import { idIn } from "./laws.ts";
import type { Wire } from "./wire.ts";
import {
  isId,
  pathOf,
  type Doc,
  type Id,
  type WorldNames,
  type Party,
  type Shelf,
  type World,
} from "./world.ts";

/** The operator's description of one tenant. */
export interface PartySpec {
  readonly side: "A" | "B";
  readonly slug: string;
  readonly key: string;
  readonly id: Id | undefined;
}

/** The operator's description of the system. */
export interface WorldSpec {
  readonly names: WorldNames;
  readonly parties: readonly [PartySpec, PartySpec];
  readonly collections: readonly string[];
  readonly shared: readonly string[];
  readonly samples: ReadonlyMap<string, Doc>;
  readonly isThorough: boolean;
}

/** The material of a proof, and the problems found while listing it. */
export interface Discovery {
  readonly world: World;
  /** The violations that the plain lists already show. */
  readonly broken: readonly string[];
  /** The parts that cannot be tested, with the reasons. */
  readonly notes: readonly string[];
}

interface Listing {
  readonly docs: readonly Doc[];
  readonly isExposed: boolean;
}

const PAGE = 100;
const MAX_PAGES = 10;
/** The largest number of markers per tenant. Every answer is searched for them. */
const MAX_MARKERS = 200;
const DATE = /^\d{4}-\d\d-\d\dT/;

/**
 * Lists the documents of each tenant with its key. Throws if a key does not reach its own tenant: every
 * further case would then hold for the wrong reason.
 */
export async function discover(spec: WorldSpec, wire: Wire): Promise<Discovery> {
  const notes: string[] = [];
  const broken: string[] = [];
  const [a, b] = [await listAll(spec, 0, wire), await listAll(spec, 1, wire)];
  const exposed = spec.collections.filter(
    (name) => a.get(name)?.isExposed === true || b.get(name)?.isExposed === true,
  );
  const dropped = spec.collections.filter((name) => !exposed.includes(name));
  if (dropped.length > 0) notes.push(`not exposed, and so left out: ${dropped.join(", ")}`);
  const unshared = exposed.filter((name) => !spec.shared.includes(name));
  for (const name of unshared) {
    const both = overlap(docsOf(a, name), docsOf(b, name));
    if (both.length > 0)
      broken.push(
        `both keys list ${name} ${both.slice(0, 3).join(", ")}; if their group shares ${name}, say --shared ${name}`,
      );
  }
  const ids = [
    spec.parties[0].id ?? ownerOf(a, unshared, spec),
    spec.parties[1].id ?? ownerOf(b, unshared, spec),
  ];
  if (ids[0] !== undefined && String(ids[0]) === String(ids[1]))
    broken.push(`both keys list documents of tenant ${ids[0]}`);
  for (const [i, { side }] of spec.parties.entries())
    if (ids[i] === undefined)
      notes.push(`no document shows the id of tenant ${side}; give it with --id-${side.toLowerCase()}`);
  const parties = [
    partyOf(spec, { index: 0, mine: a, theirs: b, id: ids[0] }),
    partyOf(spec, { index: 1, mine: b, theirs: a, id: ids[1] }),
  ] as const;
  const usable = exposed.filter((name) => parties.some((party) => party.shelves.has(name)));
  const alone = usable.filter((name) => !parties.every((party) => party.shelves.has(name)));
  if (usable.length === alone.length)
    throw new Error("No collection has documents of both tenants: nothing could be proven.");
  if (alone.length > 0) notes.push(`only one of the two tenants has documents in: ${alone.join(", ")}`);
  const world: World = {
    names: spec.names,
    a: parties[0],
    b: parties[1],
    collections: usable,
    shared: new Set(spec.shared.filter((name) => overlap(docsOf(a, name), docsOf(b, name)).length > 0)),
    lent: new Set(spec.shared),
    isThorough: spec.isThorough,
    samples: spec.samples,
  };
  return { world, broken, notes };
}

async function listAll(spec: WorldSpec, index: 0 | 1, wire: Wire): Promise<Map<string, Listing>> {
  const { side, slug, key } = spec.parties[index];
  const asker = { authorization: `${spec.names.users} API-Key ${key}` };
  const found = new Map<string, Listing>();
  for (const name of spec.collections) {
    const docs: Doc[] = [];
    let isExposed = true;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const target = `${pathOf(spec.names, slug, name)}?depth=0&limit=${PAGE}&page=${page}`;
      const seen = await wire.send({
        method: "GET",
        target,
        headers: ["authorization", asker.authorization],
      });
      if (isObject(seen.json) && seen.json["message"] === "Route not found") {
        isExposed = false;
        break;
      }
      if (seen.status !== 200 || !isObject(seen.json) || !Array.isArray(seen.json["docs"]))
        throw new Error(
          `Key ${side} cannot list ${name} of its own tenant ${slug}: ${seen.status} ${seen.text.slice(0, 200)}`,
        );
      docs.push(...seen.json["docs"].filter(isObject));
      if (seen.json["hasNextPage"] !== true) break;
    }
    found.set(name, { docs, isExposed });
  }
  return found;
}

/** Returns the tenant that most of the unshared documents have. */
function ownerOf(listings: Map<string, Listing>, names: readonly string[], spec: WorldSpec): Id | undefined {
  const votes = new Map<Id, number>();
  for (const name of names) {
    for (const doc of docsOf(listings, name)) {
      const owner = idIn(doc[spec.names.tenantField]);
      if (owner !== undefined) votes.set(owner, (votes.get(owner) ?? 0) + 1);
    }
  }
  return [...votes].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}

function partyOf(
  spec: WorldSpec,
  seen: {
    index: 0 | 1;
    mine: Map<string, Listing>;
    theirs: Map<string, Listing>;
    id: Id | undefined;
  },
): Party {
  const { side, slug, key } = spec.parties[seen.index];
  const shelves = new Map<string, Shelf>();
  const texts = new Set<string>();
  for (const name of seen.mine.keys()) {
    const isShared = spec.shared.includes(name);
    const docs = docsOf(seen.mine, name).filter(
      (doc) =>
        isId(doc["id"]) &&
        (!isShared ||
          (seen.id !== undefined && String(idIn(doc[spec.names.tenantField])) === String(seen.id))),
    );
    if (docs.length === 0) continue;
    shelves.set(name, { docs, ids: new Set(docs.map((doc) => String(doc["id"]))) });
    collectTexts(docs, texts);
  }
  const otherText = JSON.stringify([...seen.theirs.values()].map(({ docs }) => docs));
  const unique = [...texts]
    .map((text) => JSON.stringify(text).slice(1, -1))
    .filter((text) => !otherText.includes(text));
  const step = Math.max(1, unique.length / MAX_MARKERS);
  const markers = unique.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
  return {
    side,
    slug,
    id: seen.id,
    authorization: `${spec.names.users} API-Key ${key}`,
    shelves,
    markers,
  };
}

function collectTexts(value: unknown, into: Set<string>): void {
  if (typeof value === "string") {
    if (value.length >= 6 && !DATE.test(value)) into.add(value);
  } else if (Array.isArray(value)) for (const item of value) collectTexts(item, into);
  else if (isObject(value)) for (const item of Object.values(value)) collectTexts(item, into);
}

function docsOf(listings: Map<string, Listing>, name: string): readonly Doc[] {
  return listings.get(name)?.docs ?? [];
}

function overlap(a: readonly Doc[], b: readonly Doc[]): string[] {
  const ids = new Set(a.map((doc) => String(doc["id"])));
  return b.map((doc) => String(doc["id"])).filter((id) => ids.has(id));
}
