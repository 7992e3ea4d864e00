import type { RawRequest, Seen } from "./wire.ts";

/** The words of a proof: who takes part, what there is to protect, what a case is. */

/** An id as the API gave it. */
export type Id = string | number;

/** A document as the API gave it. */
export type Doc = Readonly<Record<string, unknown>>;

/** One of the two tenants, with the key that is its own. */
export interface Party {
  readonly side: "A" | "B";
  readonly slug: string;
  /** The `Authorization` of its key. */
  readonly authorization: string;
  /** Its tenant's id, where it was given or could be seen. */
  readonly id: Id | undefined;
  /** By collection: its own documents, at depth 0. */
  readonly shelves: ReadonlyMap<string, Shelf>;
  /** Texts that occur in its unshared documents and nowhere in the other's: one of them in the other's answer is a leak. */
  readonly markers: readonly string[];
}

/** What one tenant has in one collection. */
export interface Shelf {
  readonly docs: readonly Doc[];
  readonly ids: ReadonlySet<string>;
}

/** How the API under proof names things: all of it is in the contract or configurable there. */
export interface WorldNames {
  readonly version: string;
  readonly idHeader: string;
  readonly slugHeader: string;
  readonly tenantField: string;
  readonly users: string;
}

/** What a proof has to work with. */
export interface World {
  readonly names: WorldNames;
  readonly a: Party;
  readonly b: Party;
  /** Collections in which at least one of the two has something. */
  readonly collections: readonly string[];
  /** Collections of which the two see each other's documents, as the operator says they may. */
  readonly shared: ReadonlySet<string>;
  /** Collections that groups share, be it with third tenants. */
  readonly lent: ReadonlySet<string>;
  /** True where every trick is tried on every collection, not on one in turn. */
  readonly isThorough: boolean;
  /** Bodies that the CMS accepts, by collection; empty where nothing may be written. */
  readonly samples: ReadonlyMap<string, Doc>;
}

/** One attacker and its aim: `own` is who asks, `other` is who must not be seen. */
export interface Aim {
  readonly world: World;
  readonly own: Party;
  readonly other: Party;
  readonly collection: string;
  /** An id of `own`. */
  readonly mine: Id;
  /** An id of `other`. */
  readonly theirs: Id;
  /** An id of the same kind that nobody has. */
  readonly missing: Id;
  /** True where the trick of that number is to be tried here: on each collection in turn, or on all. */
  readonly isTurn: (trick: number) => boolean;
}

/** What a law may use besides the answer: the request it judges, and more requests. */
export interface Bench {
  readonly attempt: RawRequest;
  readonly send: (attempt: RawRequest) => Promise<Seen>;
  readonly desk: Desk;
}

/** A record that a proof has made, and how its owner saw it then. */
export interface Held {
  readonly id: Id;
  readonly text: string;
}

/** A worker's own records, so that a case can blame nobody but itself. */
export interface Desk {
  /** A record of `party` that only this worker touches; made anew where the last one was lost. */
  readonly record: (party: Party, collection: string) => Promise<Held>;
  /** Says that a record may no longer be what it was: the next case gets another. */
  spoil(party: Party, collection: string): void;
  /** Takes note of a record that somebody made, so that it is removed. */
  adopt(party: Party, collection: string, id: Id): void;
  /** A body that the CMS accepts, with a mark of its own. */
  sample(collection: string): Doc;
}

/** A judgement: nothing where it holds, else what did not. */
export type Judgement = string | undefined;

/** What must hold of the answer. */
export type Law = (seen: Seen, bench: Bench) => Judgement | Promise<Judgement>;

/** One case of the matrix. */
export interface Case {
  /** What was tried, in words that no other case of its block has. */
  readonly name: string;
  /** Who asks, and who must not be seen in the answer. */
  readonly own: Party;
  readonly other: Party;
  readonly attempt: RawRequest | ((desk: Desk) => Promise<RawRequest>);
  readonly law: Law;
}

/** A block of the matrix: what it tries, in a line, and its cases. */
export interface Block {
  readonly name: string;
  readonly tries: string;
  /** True where its cases create, change or delete records. */
  readonly writes: boolean;
  readonly cases: (world: World) => Iterable<Case>;
}

/** The two ways round: A against B, and B against A. */
export function directions({ a, b }: World): readonly (readonly [Party, Party])[] {
  return [
    [a, b],
    [b, a],
  ];
}

/** An aim for every direction and collection in which both have something. */
export function* aims(world: World): Generator<Aim> {
  for (const [own, other] of directions(world)) {
    const usable = world.collections.filter((name) => own.shelves.has(name) && other.shelves.has(name));
    for (const [turn, collection] of usable.entries()) {
      const mine = own.shelves.get(collection)?.docs[0]?.["id"];
      const theirs = other.shelves.get(collection)?.docs[0]?.["id"];
      if (!isId(mine) || !isId(theirs)) continue;
      const isTurn = (trick: number): boolean => world.isThorough || trick % usable.length === turn;
      yield { world, own, other, collection, mine, theirs, missing: missingLike(theirs), isTurn };
    }
  }
}

/** True for what can be a document's id. */
export function isId(value: unknown): value is Id {
  return typeof value === "string" || typeof value === "number";
}

/** An id of the same kind that nobody has. */
export function missingLike(id: Id): Id {
  if (typeof id === "number" || /^\d+$/.test(id)) return 987654321;
  // The same shape, all in zeros and nines: 24 hex digits stay 24 hex digits.
  return id.replace(/[0-9]/g, "9").replace(/[a-f]/g, "0").replace(/[g-z]/g, "z");
}

/** The path of a tenant, or of something below it. */
export function pathOf(names: WorldNames, slug: string, ...rest: readonly Id[]): string {
  return ["", "partners", names.version, slug, ...rest].map((part) => encodeURIComponent(part)).join("/");
}

/** A request with a party's key. */
export function ask(party: Party, target: string, more: Partial<RawRequest> = {}): RawRequest {
  const headers = ["authorization", party.authorization, ...(more.headers ?? [])];
  return { method: "GET", target, ...more, headers };
}

/** As `ask`, with a JSON body. */
export function tell(party: Party, method: string, what: { target: string; body: unknown }): RawRequest {
  const body = typeof what.body === "string" ? what.body : JSON.stringify(what.body);
  return ask(party, what.target, { method, headers: ["content-type", "application/json"], body });
}
