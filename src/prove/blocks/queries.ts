import { all, contained, nothing, ownOnly, refused, sameAs } from "../laws.ts";
import { ask, aims, pathOf, type Aim, type Block, type Id } from "../world.ts";
import { WHERE_TRICKS } from "../where-tricks.ts";

/** The block of all forms of `where`, on lists. */
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
        // In a shared collection, documents of a third tenant of the group may match.
        const isEmpty = matches === "nothing" && !world.lent.has(collection);
        const attempt = ask(own, `${base}?${text}&depth=0&limit=25`);
        const name = `${collection}?${shortQueries(text)}, key ${own.side}`;
        const law = isEmpty ? nothing : contained(aim);
        yield { name, own, other, attempt, law };
      }
    }
  },
};

/** The block of all forms of `where`, with an id of the other tenant in the path. They change nothing. */
export const besideIds: Block = {
  name: "where-by-id",
  tries: "where with an id of the other tenant in the path: still 404, byte for byte",
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

/**
 * The block of HEAD requests, which must be scoped like GET: `content-length` discloses the length of the
 * answer.
 */
export const heads: Block = {
  name: "head",
  tries: "HEAD discloses nothing that GET does not",
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

/**
 * Returns the material of the queries. If a tenant's id is unknown its slug is used, which matches no tenant.
 */
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

/** Shortens a query for a case's name: replaces filler parameters by their count. */
export function shortQueries(query: string): string {
  const text = query.replace(
    /(?:a\d+=1&?){50,}/,
    (run) => `(${run.split("&").filter(Boolean).length} parameters)&`,
  );
  return text.length > 120 ? `${text.slice(0, 100)}…${text.length}` : text;
}
