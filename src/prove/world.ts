import type { RawRequest, Seen } from "./wire.ts";

/** The types of a proof: the two tenants, their documents, and the cases. */

/** An id as the API returned it. */
export type Id = string | number;

/** A document as the API returned it. */
export type Doc = Readonly<Record<string, unknown>>;

/** A tenant under test, with its key. */
export interface Party {
  readonly side: "A" | "B";
  readonly slug: string;
  /** The `Authorization` header with its key. */
  readonly authorization: string;
  /** The tenant's id, if it was given or its documents show it. */
  readonly id: Id | undefined;
  /** The tenant's own documents at depth 0, by collection. */
  readonly shelves: ReadonlyMap<string, Shelf>;
  /**
   * Texts that occur only in its unshared documents. If an answer to the other tenant has one, it is a leak.
   */
  readonly markers: readonly string[];
}

/** The documents of one tenant in one collection. */
export interface Shelf {
  readonly docs: readonly Doc[];
  readonly ids: ReadonlySet<string>;
}

/** The names that the API under test uses, by the contract or its configuration. */
export interface WorldNames {
  readonly version: string;
  readonly idHeader: string;
  readonly slugHeader: string;
  readonly tenantField: string;
  readonly users: string;
}

/** The material of a proof. */
export interface World {
  readonly names: WorldNames;
  readonly a: Party;
  readonly b: Party;
  /** The collections in which at least one of the two tenants has documents. */
  readonly collections: readonly string[];
  /** The collections that the two tenants share, as declared by the operator and confirmed by their lists. */
  readonly shared: ReadonlySet<string>;
  /** The collections that groups share, possibly with third tenants. */
  readonly lent: ReadonlySet<string>;
  /** True if every trick is tried on every collection, and not on one collection each. */
  readonly isThorough: boolean;
  /** Bodies that the CMS accepts, by collection; empty if the proof must not write. */
  readonly samples: ReadonlyMap<string, Doc>;
}

/**
 * An attack on one collection: `own` is the tenant that sends requests, `other` the one whose data must not
 * appear.
 */
export interface Aim {
  readonly world: World;
  readonly own: Party;
  readonly other: Party;
  readonly collection: string;
  /** An id of `own`. */
  readonly mine: Id;
  /** An id of `other`. */
  readonly theirs: Id;
  /** An id of the same type that does not exist. */
  readonly missing: Id;
  /** Returns true if this collection tries the trick of that number: one collection per trick, or all. */
  readonly isTurn: (trick: number) => boolean;
}

/** The context of a law: the request whose answer it checks, and the means to send further requests. */
export interface Bench {
  readonly attempt: RawRequest;
  readonly send: (attempt: RawRequest) => Promise<Seen>;
  readonly desk: Desk;
}

/** A record that a proof has created, with the text that its owner read then. */
export interface Held {
  readonly id: Id;
  readonly text: string;
}

/** The records of one worker. No other worker changes them, so a change is due to the present case. */
export interface Desk {
  /**
   * Returns a record of `party` that only this worker uses, and creates a new one if the last one is gone.
   */
  readonly record: (party: Party, collection: string) => Promise<Held>;
  /** Marks a record as possibly changed: the next case reads it again or gets a new one. */
  spoil(party: Party, collection: string): void;
  /** Registers a record that a case created, so that the proof deletes it. */
  adopt(party: Party, collection: string, id: Id): void;
  /** Returns a body that the CMS accepts, with a unique mark. */
  sample(collection: string): Doc;
}

/** The result of a law: `undefined` if it holds, else the problem. */
export type Judgement = string | undefined;

/** A requirement on an answer. */
export type Law = (seen: Seen, bench: Bench) => Judgement | Promise<Judgement>;

/** A case of the matrix. */
export interface Case {
  /** The description of the attempt, unique within its block. */
  readonly name: string;
  /** The tenant that sends the request, and the tenant whose data must not appear in the answer. */
  readonly own: Party;
  readonly other: Party;
  readonly attempt: RawRequest | ((desk: Desk) => Promise<RawRequest>);
  readonly law: Law;
}

/** A block of the matrix: a description in one line, and its cases. */
export interface Block {
  readonly name: string;
  readonly tries: string;
  /** True if its cases create, change or delete records. */
  readonly writes: boolean;
  readonly cases: (world: World) => Iterable<Case>;
}

/** Returns both directions: A against B, and B against A. */
export function directions({ a, b }: World): readonly (readonly [Party, Party])[] {
  return [
    [a, b],
    [b, a],
  ];
}

/** Yields an aim for every direction and every collection in which both tenants have documents. */
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

/** Returns true for a value that can be a document's id. */
export function isId(value: unknown): value is Id {
  return typeof value === "string" || typeof value === "number";
}

/** Returns an id of the same type that does not exist. */
export function missingLike(id: Id): Id {
  if (typeof id === "number" || /^\d+$/.test(id)) return 987654321;
  // Keeps the format: 24 hex digits stay 24 hex digits.
  return id.replace(/[0-9]/g, "9").replace(/[a-f]/g, "0").replace(/[g-z]/g, "z");
}

/** Returns the path of a tenant, or of a collection or record below it. */
export function pathOf(names: WorldNames, slug: string, ...rest: readonly Id[]): string {
  return ["", "partners", names.version, slug, ...rest].map((part) => encodeURIComponent(part)).join("/");
}

/** Builds a request with a party's key. */
export function ask(party: Party, target: string, more: Partial<RawRequest> = {}): RawRequest {
  const headers = ["authorization", party.authorization, ...(more.headers ?? [])];
  return { method: "GET", target, ...more, headers };
}

/** Builds a request with a party's key and a JSON body. */
export function tell(party: Party, method: string, what: { target: string; body: unknown }): RawRequest {
  const body = typeof what.body === "string" ? what.body : JSON.stringify(what.body);
  return ask(party, what.target, { method, headers: ["content-type", "application/json"], body });
}
