import { all, contained, nothing, ownOnly, refused, sameAs } from "../laws.ts";
import { ask, aims, pathOf, type Aim, type Block, type Id } from "../world.ts";
import { WHERE_TRICKS } from "../where-tricks.ts";

/** The `where` of a list in all its forms, and beside an id. */
export const queries: Block = {
  name: "where",
  tries: "where in brackets, dots, __, or/and siblings, JSON, 1000 parameters: narrows, never widens",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      const { own, other, collection } = aim;
      const stuff = stuffOf(aim);
      const base = pathOf(world.names, own.slug, collection);
      for (const [i, [query, matches]] of WHERE_TRICKS.entries()) {
        if (!aim.isTurn(i)) continue;
        const text = query(stuff);
        // Where a group lends, a third tenant's documents may match.
        const isEmpty = matches === "nothing" && !world.lent.has(collection);
        const attempt = ask(own, `${base}?${text}&depth=0&limit=25`);
        const name = `${collection}?${shortQueries(text)}, key ${own.side}`;
        const law = isEmpty ? nothing : contained(aim);
        yield { name, own, other, attempt, law };
      }
    }
  },
};

/** The same beside the other's id in the path: it changes nothing. */
export const besideIds: Block = {
  name: "where-by-id",
  tries: "where beside the other's id in the path: still missing, byte for byte",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      if (world.shared.has(aim.collection)) continue;
      const { own, other, collection, theirs, missing } = aim;
      const stuff = stuffOf(aim);
      for (const [i, [query]] of WHERE_TRICKS.entries()) {
        if (!aim.isTurn(i + 1)) continue;
        const text = query(stuff);
        const at = (id: Id) => ask(own, `${pathOf(world.names, own.slug, collection, id)}?${text}`);
        const law = all(refused("document"), sameAs(at(missing)));
        const name = `${collection}/${theirs}?${shortQueries(text)}, key ${own.side}`;
        yield { name, own, other, attempt: at(theirs), law };
      }
    }
  },
};

/** A HEAD tells as much as its GET, and so must be scoped as well: its length is that of the GET's answer. */
export const heads: Block = {
  name: "head",
  tries: "HEAD tells nothing that GET does not",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      const { own, other, collection } = aim;
      const { t, other: foreign, id } = stuffOf(aim);
      const base = pathOf(world.names, own.slug, collection);
      for (const query of [
        "",
        `?where[${t}][equals]=${foreign}`,
        `?where[id][equals]=${id}`,
        "?limit=1&depth=0",
        "?limit=0&depth=0",
      ]) {
        const target = base + query;
        const attempt = ask(own, target, { method: "HEAD" });
        yield {
          name: `${collection}${query}, key ${own.side}`,
          own,
          other,
          attempt,
          law: async (seen, bench) => {
            const got = await bench.send(ask(own, target));
            const length = String(Buffer.byteLength(got.text));
            if (seen.status !== got.status) return `HEAD ${seen.status}, GET ${got.status}`;
            const problem = await ownOnly(aim)(got, { ...bench, attempt: ask(own, target) });
            return (
              problem ??
              (seen.headers["content-length"] === length
                ? undefined
                : "a HEAD of another length than its GET")
            );
          },
        };
      }
    }
  },
};

/** What the tricks are made of. Where a tenant's id is not known its slug stands in: it then names nobody. */
export function stuffOf({ world, own, other, mine, theirs }: Aim) {
  return {
    t: world.names.tenantField,
    own: own.id ?? own.slug,
    other: other.id ?? other.slug,
    slug: other.slug,
    id: theirs,
    mine,
  };
}

/** A query as it goes into a case's name: the run of filler parameters by its count. */
export function shortQueries(query: string): string {
  const text = query.replace(
    /(?:a\d+=1&?){50,}/,
    (run) => `(${run.split("&").filter(Boolean).length} parameters)&`,
  );
  return text.length > 120 ? `${text.slice(0, 100)}…${text.length}` : text;
}
