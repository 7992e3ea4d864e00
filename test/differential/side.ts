import { Pool } from "undici";

import { KEYS } from "../support/cms/keys.ts";
import type { Cms } from "../support/cms/server.ts";
import { isJson, objectOf, type Json } from "../support/isolation.ts";
import { resolved, type Query, type Value } from "./steps.ts";

/** The compared parts of a response. */
export interface Answer {
  readonly status: number;
  readonly body: Json;
}

/** A request by its parts. */
export interface Asking {
  readonly method: string;
  /** Begins at the root, without a query. */
  readonly path: string;
  readonly query?: Query;
  readonly body?: Value;
}

type Id = string | number;

/** Either of the two CMSs, with the origin for its requests. */
export class Side {
  readonly cms: Cms;
  readonly #pool: Pool;
  readonly #seeded: ReadonlyMap<string, readonly Id[]>;
  #known = new Map<string, Id[]>();

  /** `origin` is the CMS itself, or a gateway in front of it. */
  constructor(cms: Cms, origin: string, seeded: ReadonlyMap<string, readonly Id[]>) {
    this.cms = cms;
    this.#pool = new Pool(origin, { connections: 1, pipelining: 1 });
    this.#seeded = seeded;
  }

  /** Restores the seeded records. */
  async reset(): Promise<void> {
    await this.cms.reset();
    this.#known = new Map([...this.#seeded].map(([name, ids]) => [name, [...ids]]));
  }

  /** The id of the nth record of a collection in the sequence, modulo their number. */
  idOf(collection: string, nth: number): Id | undefined {
    const ids = this.#known.get(collection) ?? [];
    return ids[nth % Math.max(ids.length, 1)];
  }

  learn(collection: string, id: Id): void {
    this.#known.set(collection, [...(this.#known.get(collection) ?? []), id]);
  }

  resolve(value: Value): Value {
    return resolved(value, (collection, nth) => this.idOf(collection, nth) ?? null);
  }

  async ask({ method, path, query = {}, body }: Asking): Promise<Answer> {
    const parameters = Object.entries(query).map((pair) => pair.map(encodeURIComponent).join("="));
    const answer = await this.#pool.request({
      method,
      path: parameters.length === 0 ? path : `${path}?${parameters.join("&")}`,
      headers: {
        authorization: `users API-Key ${KEYS.partnerA}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: answer.statusCode, body: objectOf(await answer.body.text()) };
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

/** The ids of the seeded records by collection, oldest first. */
export async function seededIds(
  cms: Cms,
  collections: readonly string[],
): Promise<ReadonlyMap<string, readonly Id[]>> {
  const known = new Map<string, readonly Id[]>();
  for (const collection of collections) {
    const { docs } = await cms.payload.find({
      collection,
      depth: 0,
      sort: "createdAt",
      pagination: false,
    });
    known.set(
      collection,
      docs.map(({ id }) => id),
    );
  }
  return known;
}

/** The id of a record, if it has one. */
export function idIn(record: unknown): Id | undefined {
  const id = isJson(record) ? record["id"] : undefined;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}
