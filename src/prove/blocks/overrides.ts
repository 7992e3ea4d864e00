import { all, refused, status } from "../laws.ts";
import { createdOwn, untouched, type Spot } from "../write-laws.ts";
import { ask, pathOf, tell, type Block, type Case, type Desk } from "../world.ts";
import { spots } from "./bodies.ts";

const OVERRIDES = [
  "x-http-method-override",
  "x-payload-http-method-override",
  "x-method-override",
  "x-http-method",
  "x_http_method_override",
];

/** The block of method overrides. */
export const overrides: Block = {
  name: "override",
  tries: "method override headers on POST and GET: the actual method applies",
  writes: true,
  *cases(world) {
    for (const spot of spots(world)) {
      let combination = 0;
      for (const header of OVERRIDES) {
        for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
          for (const make of [create, form, byId, read]) {
            combination += 1;
            if (spot.isTurn(combination)) yield make(spot, [header, method]);
          }
        }
      }
    }
  },
};

type Override = readonly [header: string, method: string];

/** Builds a create with a `where` in its query. It must stay a create. */
function create(spot: Spot, override: Override): Case {
  const { own, other, collection } = spot;
  const attempt = async (desk: Desk) => {
    const { id } = await desk.record(other, collection);
    const sent = tell(own, "POST", {
      target: `${baseOf(spot)}?where[id][equals]=${id}`,
      body: desk.sample(collection),
    });
    return { ...sent, headers: [...sent.headers, ...override] };
  };
  return {
    ...named(spot, `POST ${collection}`, override),
    attempt,
    law: all(status(201), createdOwn(spot), safe(spot)),
  };
}

/** Builds a POST of a form, which a server that applies the override reads as a query. */
function form(spot: Spot, override: Override): Case {
  const { own, other, collection } = spot;
  const attempt = async (desk: Desk) => {
    const { id } = await desk.record(other, collection);
    const body = `where[or][0][id][equals]=${id}&depth=0`;
    const headers = ["content-type", "application/x-www-form-urlencoded", ...override];
    return ask(own, baseOf(spot), { method: "POST", headers, body });
  };
  return {
    ...named(spot, `POST ${collection} with a form`, override),
    attempt,
    law: all(refused("body"), safe(spot)),
  };
}

/** Builds a POST to a record. No such route exists, with any override. */
function byId(spot: Spot, override: Override): Case {
  const { own, other, collection } = spot;
  const attempt = async (desk: Desk) => {
    const { id } = await desk.record(other, collection);
    const sent = tell(own, "POST", { target: `${baseOf(spot)}/${id}`, body: desk.sample(collection) });
    return { ...sent, headers: [...sent.headers, ...override] };
  };
  return {
    ...named(spot, `POST ${collection}/{id}`, override),
    attempt,
    law: all(refused("route"), safe(spot)),
  };
}

/** Builds a read. It must stay a read. */
function read(spot: Spot, override: Override): Case {
  const { own, collection } = spot;
  const attempt = async (desk: Desk) => {
    const { id } = await desk.record(own, collection);
    return ask(own, `${baseOf(spot)}/${id}`, { headers: override });
  };
  return {
    ...named(spot, `GET own ${collection}/{id}`, override),
    attempt,
    law: all(status(200), safe(spot)),
  };
}

function named({ own, other }: Spot, what: string, [header, method]: Override) {
  return { name: `${what}, ${header}: ${method}, key ${own.side}`, own, other };
}

function safe(spot: Spot) {
  return all(untouched(spot, spot.other), untouched(spot, spot.own));
}

function baseOf({ world, own, collection }: Spot): string {
  return pathOf(world.names, own.slug, collection);
}
