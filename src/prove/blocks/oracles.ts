import { all, contained, sameAs } from "../laws.ts";
import { joinFields, relationFields } from "../relations.ts";
import { ask, aims, pathOf, type Aim, type Block } from "../world.ts";

/**
 * Pairs of requests that would disclose data of invisible records. The two requests of a pair differ only in
 * a condition on such records; their answers must have the same bytes.
 */

/** Two conditions on a related record: one that a record may match, and one that no record matches. */
type Pair = readonly [name: string, likely: string, unlikely: string];

function pairs(path: string, aim: Aim): Pair[] {
  const { own, other, world } = aim;
  const t = world.names.tenantField;
  const tenants = [own, other].flatMap((party): Pair[] => [
    [
      `${path}.${t} of ${party.side}`,
      `where[${path}.${t}][equals]=${party.id ?? party.slug}`,
      `where[${path}.${t}][equals]=987654321`,
    ],
    [
      `${path}__${t} of ${party.side}`,
      `where[${path}__${t}][equals]=${party.id ?? party.slug}`,
      `where[${path}__${t}][equals]=987654321`,
    ],
    [
      `${path}.${t}.slug of ${party.side}`,
      `where[${path}.${t}.slug][equals]=${party.slug}`,
      `where[${path}.${t}.slug][equals]=no-such-tenant`,
    ],
  ]);
  return [
    ...tenants,
    [`${path}.title exists`, `where[${path}.title][exists]=true`, `where[${path}.title][exists]=false`],
    [`${path}.id exists`, `where[${path}.id][exists]=true`, `where[${path}.id][exists]=false`],
    [`${path}.title like`, `where[${path}.title][like]=e`, `where[${path}.title][like]=zzzzzzzz`],
    [`${path}__title like`, `where[${path}__title][like]=e`, `where[${path}__title][like]=zzzzzzzz`],
    [`${path}.email like`, `where[${path}.email][like]=@`, `where[${path}.email][like]=zzzzzzzz`],
    [
      `${path} contains title`,
      `where[${path}][contains][title][exists]=true`,
      `where[${path}][contains][title][exists]=false`,
    ],
    [
      `${path} contains email`,
      `where[${path}][contains][email][like]=@`,
      `where[${path}][contains][email][like]=zzzzzzzz`,
    ],
    [
      `${path} contains ${t}`,
      `where[and][0][${path}][contains][or][0][${t}][exists]=true`,
      `where[and][0][${path}][contains][or][0][${t}][exists]=false`,
    ],
    [
      `or ${path}.title`,
      `where[or][0][${path}.title][exists]=true`,
      `where[or][0][${path}.title][exists]=false`,
    ],
    [
      `or/or ${path}.createdAt`,
      `where[or][0][or][0][${path}.createdAt][exists]=true`,
      `where[or][0][or][0][${path}.createdAt][exists]=false`,
    ],
    [`sort by ${path}.title`, `sort=${path}.title`, `sort=-${path}.title`],
    [`sort by ${path}.${t}`, `sort=${path}.${t}`, `sort=-${path}.${t}`],
    [`sort by ${path}__title`, `sort=${path}__title`, `sort=-${path}__title`],
    [`sort by ${path}.createdAt, second`, `sort=${path}.createdAt,id`, `sort=-${path}.createdAt,id`],
  ];
}

/** Returns the pairs about the tenant's own record and about fields with credentials. */
function commonPairs({ world }: Aim): Pair[] {
  const t = world.names.tenantField;
  return [
    [`${t}.name`, `where[${t}.name][exists]=true`, `where[${t}.name][exists]=false`],
    [`${t}.group`, `where[${t}.group][exists]=true`, `where[${t}.group][exists]=false`],
    [`${t}.slug like`, `where[${t}.slug][like]=t`, `where[${t}.slug][like]=zzzzzzzz`],
    [`sort by ${t}.name`, `sort=${t}.name`, `sort=-${t}.name`],
    [`sort by ${t}.slug`, `sort=${t}.slug`, `sort=-${t}.slug`],
    ["sort by hash", "sort=hash", "sort=-hash"],
    ["sort by apiKey", "sort=apiKey", "sort=-apiKey"],
  ];
}

/** The block of indistinguishable pairs. */
export const oracles: Block = {
  name: "oracles",
  tries: "where and sort through relations and joins: the answer must not depend on related records",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      const { own, other, collection } = aim;
      const base = pathOf(world.names, own.slug, collection);
      const fields = relationFields([own, other], collection, world.names.tenantField);
      for (const [i, [name, likely, unlikely]] of [
        ...fields.flatMap((field) => pairs(field, aim)),
        ...commonPairs(aim),
      ].entries()) {
        if (i % 2 === 1 && !aim.isTurn(i)) continue;
        const at = (query: string) => ask(own, `${base}?${query}&depth=0&limit=25`);
        const law = all(contained(aim), sameAs(at(unlikely)));
        yield {
          name: `${collection} by ${name}, key ${own.side}`,
          own,
          other,
          attempt: at(likely),
          law,
        };
      }
      for (const field of joinFields([own, other], collection)) {
        for (const target of world.collections) {
          const [theirs] = other.shelves.get(target)?.docs ?? [];
          if (theirs === undefined) continue;
          const at = (id: unknown) => ask(own, `${base}?where[${field}][equals]=${String(id)}&depth=0`);
          const law = all(contained(aim), sameAs(at(987654321)));
          const name = `${collection} by join ${field} with ${target}/${String(theirs["id"])}, key ${own.side}`;
          yield { name, own, other, attempt: at(theirs["id"]), law };
        }
      }
    }
  },
};
