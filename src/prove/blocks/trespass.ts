import { all, refused, sameAs } from "../laws.ts";
import type { RawRequest } from "../wire.ts";
import { untouched, type Spot } from "../write-laws.ts";
import { missingLike, pathOf, tell, type Block, type Desk, type Doc, type Id, type Law } from "../world.ts";
import { spots } from "./bodies.ts";

/** Cases about writes to the other tenant's records: by id and in bulk. */

const METHODS = ["PATCH", "PUT", "DELETE"] as const;

/** The ways to name a tenant on a write, each with the required refusal. */
const WAYS: readonly (readonly [
  name: string,
  refusal: "document" | "tenant",
  how: (spot: Spot) => Way | undefined,
])[] = [
  ["own by path", "document", ({ own }) => ({ slug: own.slug, headers: [] })],
  [
    "own by slug header",
    "document",
    ({ own, world }) => ({ slug: "x", headers: [world.names.slugHeader, own.slug] }),
  ],
  [
    "own by id header",
    "document",
    ({ own, world }) =>
      own.id === undefined ? undefined : { slug: "x", headers: [world.names.idHeader, String(own.id)] },
  ],
  [
    "own by header, other by path",
    "document",
    ({ own, other, world }) => ({ slug: other.slug, headers: [world.names.slugHeader, own.slug] }),
  ],
  [
    "own by path, other by header",
    "document",
    ({ own, other, world }) => ({ slug: own.slug, headers: [world.names.slugHeader, other.slug] }),
  ],
  [
    "own by path, other by id header",
    "document",
    ({ own, other, world }) =>
      other.id === undefined
        ? undefined
        : { slug: own.slug, headers: [world.names.idHeader, String(other.id)] },
  ],
  [
    "own by path, other by alias",
    "document",
    ({ own, other, world }) => ({
      slug: own.slug,
      headers: [world.names.slugHeader.replaceAll("-", "_"), other.slug],
    }),
  ],
  ["other by path", "tenant", ({ other }) => ({ slug: other.slug, headers: [] })],
  [
    "other by slug header",
    "tenant",
    ({ other, world }) => ({ slug: "x", headers: [world.names.slugHeader, other.slug] }),
  ],
  [
    "other by id header",
    "tenant",
    ({ other, world }) =>
      other.id === undefined ? undefined : { slug: "x", headers: [world.names.idHeader, String(other.id)] },
  ],
];

interface Way {
  readonly slug: string;
  readonly headers: readonly string[];
}

const BODIES: readonly (readonly [name: string, body: (sample: Doc, spot: Spot) => unknown])[] = [
  ["fields", (sample) => sample],
  [
    "the asker's tenant",
    (sample, { own, world }) => ({ ...sample, [world.names.tenantField]: own.id ?? own.slug }),
  ],
  [
    "the other's tenant",
    (sample, { other, world }) => ({ ...sample, [world.names.tenantField]: other.id ?? other.slug }),
  ],
  ["nothing", () => ({})],
];

/** Spellings in a path that a lenient CMS reads as the id. */
const SPELLINGS: readonly ((id: Id) => string)[] = [
  (id) => `${id}abc`,
  (id) => `0${id}`,
  (id) => `${id}.0`,
  (id) => `${id}e0`,
  (id) => `+${id}`,
  (id) => `%20${id}`,
  (id) => `${id},1`,
  (id) => `${id}%20`,
  (id) => `${id}%2F`,
  (id) => `x/../${id}`,
  (id) => `${id}%00`,
];

const QUERIES = ["", "?depth=0", "?draft=true", "?trash=true", "?overrideAccess=true"] as const;

/** The block of writes to one record of the other tenant. */
export const trespass: Block = {
  name: "trespass",
  tries:
    "PATCH, PUT, DELETE of the other tenant's record, in every spelling: answered as missing, and unchanged",
  writes: true,
  *cases(world) {
    for (const spot of spots(world)) {
      const { own, other, collection } = spot;
      const of = { own, other };
      let combination = 0;
      for (const method of METHODS) {
        for (const [wayName, refusal, how] of WAYS) {
          const way = how(spot);
          if (way === undefined) continue;
          for (const [i, [bodyName, body]] of BODIES.entries()) {
            if (method === "DELETE" && i > 0) continue;
            combination += 1;
            if (!spot.isTurn(combination)) continue;
            const query = QUERIES[(i + wayName.length) % QUERIES.length] ?? "";
            const at = (id: Id, sample: Doc) => {
              const target = pathOf(world.names, way.slug, collection, id) + query;
              const sent = tell(own, method, { target, body: body(sample, spot) });
              return { ...sent, headers: [...sent.headers, ...way.headers] };
            };
            const name = `${method} ${collection}${query}, ${wayName}, ${bodyName}, key ${own.side}`;
            yield { ...of, name, ...probed(spot, at, refused(refusal)) };
          }
        }
        for (const spell of SPELLINGS.filter((_, i) => spot.isTurn(i))) {
          const attempt = async (desk: Desk) => {
            const { id } = await desk.record(other, collection);
            const target = `${pathOf(world.names, own.slug, collection)}/${spell(id)}`;
            return tell(own, method, { target, body: desk.sample(collection) });
          };
          const law = all(refused("document", "malformed", "route"), untouched(spot, other));
          yield { ...of, name: `${method} ${collection}/${spell("{id}")}, key ${own.side}`, attempt, law };
        }
      }
    }
  },
};

/** Builds a write to the other's record. The law: refused with the bytes of a missing one, and unchanged. */
function probed(spot: Spot, at: (id: Id, sample: Doc) => RawRequest, refusal: Law) {
  const { other, collection } = spot;
  const attempt = async (desk: Desk) =>
    at((await desk.record(other, collection)).id, desk.sample(collection));
  const law: Law = async (seen, bench) => {
    const { id } = await bench.desk.record(other, collection);
    const reference = at(missingLike(id), bench.desk.sample(collection));
    return all(refusal, sameAs(reference), untouched(spot, other))(seen, bench);
  };
  return { attempt, law };
}

/** The block of writes without an id, with a `where` that names one record of the other tenant. */
export const bulk: Block = {
  name: "bulk",
  tries: "PATCH, PUT, DELETE of a collection by where: the route does not exist",
  writes: true,
  *cases(world) {
    for (const spot of spots(world)) {
      const { own, other, collection } = spot;
      for (const method of METHODS) {
        for (const spell of [
          (id: Id) => `?where[id][equals]=${id}`,
          (id: Id) => `?where=${encodeURIComponent(JSON.stringify({ id: { equals: id } }))}`,
          (id: Id) => `?where[id][in]=${id}`,
          (id: Id) => `/?where[id][equals]=${id}`,
          (id: Id) => `?where[and][0][id][equals]=${id}&overrideAccess=true`,
        ]) {
          const attempt = async (desk: Desk) => {
            const { id } = await desk.record(other, collection);
            return tell(own, method, {
              target: pathOf(world.names, own.slug, collection) + spell(id),
              body: desk.sample(collection),
            });
          };
          const law = all(refused("id"), untouched(spot, other), untouched(spot, own));
          yield {
            name: `${method} ${collection}${spell("{id}")}, key ${own.side}`,
            own,
            other,
            attempt,
            law,
          };
        }
      }
    }
  },
};
