import { SLUGS } from "./isolation.ts";

/** The ways in which a request names its tenant: the path's segment and the two headers. */
export type Named = { readonly path: string } & Partial<Record<"id" | "slug", string | string[]>>;

/**
 * A way to name a tenant; `resolves` is true if it selects the client's own. `own` and `other` are tenant
 * ids.
 */
export interface Naming {
  readonly by: string;
  readonly resolves: boolean;
  readonly as: (own: number, other: number) => Named;
}

const slugOf = (id: number): string => SLUGS[id] ?? "tenant-x";
const named = (id: number): Named => ({ path: slugOf(id) });

const resolving = Object.entries<Naming["as"]>({
  "the path": (own) => named(own),
  "all three": (own) => ({ id: `${own}`, slug: slugOf(own), path: slugOf(own) }),
  "the slug header, against the path": (own, other) => ({ slug: slugOf(own), path: slugOf(other) }),
  "the slug header, over an unknown tenant's path": (own) => ({ slug: slugOf(own), path: "nobody" }),
  "the id header, against the path": (own, other) => ({ ...named(other), id: `${own}` }),
  "the id header, against slug header and path": (own, other) => ({
    ...named(other),
    id: `${own}`,
    slug: slugOf(other),
  }),
  "the path, against the slug header": (own, other) => ({ ...named(own), slug: slugOf(other) }),
  "the path, against the id header": (own, other) => ({ ...named(own), id: `${other}` }),
  "the slug header, against id header and path": (own, other) => ({
    ...named(other),
    id: `${other}`,
    slug: slugOf(own),
  }),
  "the path, against both headers": (own, other) => ({ ...named(own), id: `${other}`, slug: slugOf(other) }),
  "the path, both headers being empty": (own) => ({ ...named(own), id: "", slug: "" }),
  "the path, with an invalid id header": (own, other) => ({ ...named(own), id: `0${other}` }),
});

const unresolved = Object.entries<Naming["as"]>({
  "another's path": (_, other) => named(other),
  "another's slug header and path": (_, other) => ({ ...named(other), slug: slugOf(other) }),
  "another's id header and path": (_, other) => ({ ...named(other), id: `${other}` }),
  "another's everything": (_, other) => ({ ...named(other), id: `${other}`, slug: slugOf(other) }),
  "two id headers": (own, other) => ({ ...named(own), id: [`${own}`, `${other}`] }),
  "a list in the slug header": (own, other) => ({ ...named(own), slug: `${slugOf(own)}, ${slugOf(other)}` }),
  "its own slug in capitals": (own) => ({ path: slugOf(own).toUpperCase() }),
  "its own id in the path": (own) => ({ path: `${own}` }),
  "its own slug and a dot": (own) => ({ path: `${slugOf(own)}.` }),
  "its own slug and a space": (own) => ({ path: `${slugOf(own)}%20` }),
  "an id header that parseFloat reads as its own": (own, other) => ({ ...named(other), id: `${own}.0` }),
});

/** Every way to name a tenant that the matrix tries. */
export const NAMINGS: readonly Naming[] = [
  ...resolving.map(([by, as]) => ({ by, as, resolves: true })),
  ...unresolved.map(([by, as]) => ({ by, as, resolves: false })),
];
