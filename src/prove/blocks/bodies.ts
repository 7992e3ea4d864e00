import { BODY_TRICKS, CONTENT_TYPES, NOT_JSON, WRITE_QUERIES, type BodyStuff } from "../body-tricks.ts";
import { all, refused, status } from "../laws.ts";
import { createdOwn, stillOwn, untouched, type Spot } from "../write-laws.ts";
import { ask, directions, pathOf, tell, type Block, type Desk, type World } from "../world.ts";

/** Creates and updates whose bodies and queries name another tenant. */

/** Yields a spot for every direction and every writable collection. */
export function* spots(world: World): Generator<Spot> {
  const names = [...world.samples.keys()];
  for (const [own, other] of directions(world)) {
    for (const [turn, collection] of names.entries()) {
      const isTurn = (trick: number): boolean => world.isThorough || trick % names.length === turn;
      yield { world, own, other, collection, isTurn };
    }
  }
}

/** Returns the material of the bodies, with this worker's record of the other tenant. */
async function stuffOf({ world, own, other, collection }: Spot, desk: Desk): Promise<BodyStuff> {
  const { id } = await desk.record(other, collection);
  return {
    t: world.names.tenantField,
    own: own.id ?? own.slug,
    other: other.id ?? other.slug,
    slug: other.slug,
    id,
  };
}

/** The block of creates. */
export const creates: Block = {
  name: "create",
  tries:
    "creates whose body, content type or query names the other tenant: the record is the own tenant's, or none",
  writes: true,
  *cases(world) {
    for (const spot of spots(world)) {
      const { own, other, collection } = spot;
      const base = pathOf(world.names, own.slug, collection);
      const law = all(status(201, 400, 409, 422), createdOwn(spot), untouched(spot, other));
      const of = { own, other };
      for (const [name, body] of BODY_TRICKS.filter((_, i) => spot.isTurn(i))) {
        const attempt = async (desk: Desk) =>
          tell(own, "POST", {
            target: `${base}?depth=0`,
            body: body(desk.sample(collection), await stuffOf(spot, desk)),
          });
        yield { ...of, name: `${collection}: ${name}, key ${own.side}`, attempt, law };
      }
      for (const query of WRITE_QUERIES.filter((_, i) => spot.isTurn(i))) {
        const attempt = async (desk: Desk) =>
          tell(own, "POST", {
            target: `${base}?${query(await stuffOf(spot, desk))}`,
            body: desk.sample(collection),
          });
        const name = query({
          t: world.names.tenantField,
          own: "own",
          other: "other",
          slug: other.slug,
          id: "theirs",
        });
        yield { ...of, name: `${collection}?${name}, key ${own.side}`, attempt, law };
      }
      for (const type of CONTENT_TYPES.filter((_, i) => spot.isTurn(i))) {
        const attempt = async (desk: Desk) => {
          const { t, other: foreign } = await stuffOf(spot, desk);
          const body = JSON.stringify({ ...desk.sample(collection), [t]: foreign });
          return ask(own, `${base}?depth=0`, { method: "POST", headers: ["content-type", type], body });
        };
        yield { ...of, name: `${collection} as ${JSON.stringify(type)}, key ${own.side}`, attempt, law };
      }
      for (const [name, type, body] of NOT_JSON.filter((_, i) => spot.isTurn(i))) {
        const attempt = async (desk: Desk) =>
          ask(own, base, {
            method: "POST",
            headers: ["content-type", type],
            body: body(desk.sample(collection), await stuffOf(spot, desk)),
          });
        yield {
          ...of,
          name: `${collection}, no JSON object: ${name}, key ${own.side}`,
          attempt,
          law: all(refused("body"), untouched(spot, other)),
        };
      }
    }
  },
};

/** The block of updates of an own record. */
export const updates: Block = {
  name: "update",
  tries:
    "updates (PATCH, PUT) of an own record whose body or query names the other tenant: its tenant does not change",
  writes: true,
  *cases(world) {
    for (const spot of spots(world)) {
      const { own, other, collection } = spot;
      const target = async (desk: Desk) =>
        pathOf(world.names, own.slug, collection, (await desk.record(own, collection)).id);
      const law = all(status(200, 400, 409, 422), stillOwn(spot), untouched(spot, other));
      const bothSame = all(refused("body"), untouched(spot, own), untouched(spot, other));
      const of = { own, other };
      for (const [i, [name, body]] of BODY_TRICKS.entries()) {
        if (!spot.isTurn(i)) continue;
        const method = Math.floor(i / world.samples.size) % 2 === 0 ? "PATCH" : "PUT";
        const attempt = async (desk: Desk) =>
          tell(own, method, {
            target: `${await target(desk)}?depth=0`,
            body: body(desk.sample(collection), await stuffOf(spot, desk)),
          });
        yield { ...of, name: `${method} ${collection}: ${name}, key ${own.side}`, attempt, law };
      }
      for (const query of WRITE_QUERIES.filter((_, i) => spot.isTurn(i))) {
        const attempt = async (desk: Desk) =>
          tell(own, "PATCH", {
            target: `${await target(desk)}?${query(await stuffOf(spot, desk))}`,
            body: desk.sample(collection),
          });
        const name = query({
          t: world.names.tenantField,
          own: "own",
          other: "other",
          slug: other.slug,
          id: "theirs",
        });
        yield { ...of, name: `PATCH ${collection}?${name}, key ${own.side}`, attempt, law };
      }
      for (const [name, type, body] of NOT_JSON.filter((_, i) => spot.isTurn(i))) {
        const attempt = async (desk: Desk) =>
          ask(own, await target(desk), {
            method: "PATCH",
            headers: ["content-type", type],
            body: body(desk.sample(collection), await stuffOf(spot, desk)),
          });
        yield {
          ...of,
          name: `PATCH ${collection}, no JSON object: ${name}, key ${own.side}`,
          attempt,
          law: bothSame,
        };
      }
    }
  },
};
