import { LENIENT, PATHS, RESERVED, WORDS } from "../path-tricks.ts";
import { all, contained, refused, sameAs, status } from "../laws.ts";
import { aims, ask, pathOf, type Aim, type Block, type Id, type Law } from "../world.ts";

/** Cases about spellings of a path or an id that some parser could read as another. */

/** The block of ambiguous paths. */
export const pathSpellings: Block = {
  name: "paths",
  tries: "dot segments, escapes, doubled slashes, NUL, case, matrix parameters, look-alike slugs",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      const { own, other, collection } = aim;
      for (const [i, spell] of PATHS.entries()) {
        if (!aim.isTurn(i)) continue;
        const target = spell({
          v: world.names.version,
          own: own.slug,
          other: other.slug,
          c: collection,
          id: aim.theirs,
        });
        const law = all(status(200, 400, 401, 403, 404), contained(aim), never(aim));
        yield {
          name: `${target} for ${collection}, key ${own.side}`,
          own,
          other,
          attempt: ask(own, target),
          law,
        };
      }
    }
  },
};

/** The block of reads by id: a record of the other tenant is answered as a missing one, byte for byte. */
export const ids: Block = {
  name: "ids",
  tries:
    "the other tenant's records by id, lenient spellings, reserved words: answered as missing, byte for byte",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      yield* foreignCases(aim);
      yield* spellingCases(aim);
    }
  },
};

function* foreignCases(aim: Aim) {
  const { world, own, other, collection, missing } = aim;
  if (world.shared.has(collection)) return;
  const ways: readonly (readonly [string, string, readonly string[]])[] = [
    ["path", own.slug, []],
    ["slug header", "x", [world.names.slugHeader, own.slug]],
    ["id header", "x", own.id === undefined ? [] : [world.names.idHeader, String(own.id)]],
    ["path of the other", other.slug, [world.names.slugHeader, own.slug]],
  ];
  const docs = other.shelves.get(collection)?.docs ?? [];
  let combination = 0;
  for (const id of spread(
    docs.map((doc) => doc["id"]),
    4,
  )) {
    for (const [way, slug, headers] of ways) {
      if (slug === "x" && headers.length === 0) continue;
      for (const query of ["", "?depth=0", "?depth=2&draft=true", `?where[id][equals]=${id}`]) {
        for (const method of ["GET", "HEAD"]) {
          combination += 1;
          if (!aim.isTurn(combination)) continue;
          const at = (one: Id) =>
            ask(own, pathOf(world.names, slug, collection, one) + query, { method, headers });
          const law: Law = all(refused("document"), sameAs(at(missing)));
          const name = `${method} ${collection}/${id}${query}, tenant by ${way}, key ${own.side}`;
          yield { name, own, other, attempt: at(id), law };
        }
      }
    }
  }
}

function* spellingCases(aim: Aim) {
  const { world, own, other, collection } = aim;
  const base = pathOf(world.names, own.slug, collection);
  const isNumeric = typeof aim.mine === "number";
  for (const [whose, id] of [
    ["own", aim.mine],
    ["foreign", aim.theirs],
  ] as const) {
    for (const [i, spell] of LENIENT.entries()) {
      if (!aim.isTurn(i)) continue;
      const target = `${base}/${spell(id)}?depth=0`;
      // A record may have such a text as its id. Among numeric ids, only the canonical spelling exists.
      const law = isNumeric ? refused("document", "malformed") : all(contained(aim), never(aim));
      yield {
        name: `${target}, ${whose}, key ${own.side}`,
        own,
        other,
        attempt: ask(own, target),
        law,
      };
    }
  }
  for (const [i, word] of [...RESERVED, ...WORDS].entries()) {
    if (!aim.isTurn(i)) continue;
    const target = `${base}/${word}`;
    const law = i < RESERVED.length ? refused("route") : refused("route", "document", "malformed");
    yield {
      name: `${target}, reserved, key ${own.side}`,
      own,
      other,
      attempt: ask(own, target),
      law,
    };
  }
}

/** Requires that the answer is not the other tenant's record itself, by the id at its beginning. */
function never({ theirs, world, collection }: Aim): Law {
  return (seen) =>
    !world.shared.has(collection) &&
    seen.status === 200 &&
    seen.text.startsWith(`{"id":${JSON.stringify(theirs)},`)
      ? "the other's record"
      : undefined;
}

function spread(known: readonly unknown[], most: number): Id[] {
  const usable = known.filter((id): id is Id => typeof id === "string" || typeof id === "number");
  const step = Math.max(1, usable.length / most);
  return usable.filter((_, i) => i % step < 1).slice(0, most);
}
