import { isObject } from "../core/json.ts";
import {
  envelopeProblem,
  isRefusal,
  LIST_MEMBERS,
  SECRET_MEMBERS,
  wordsOf,
  type ContractRefusal,
} from "./contract.ts";
import type { RawRequest, Seen } from "./wire.ts";
import { isId, type Aim, type Case, type Id, type Judgement, type Law, type World } from "./world.ts";

/** The requirements on answers, as a client can observe them. */

/** The expected statuses. Any other status proves nothing, so the case fails. */
const CALM: ReadonlySet<number> = new Set([200, 201, 400, 401, 403, 404, 409, 413, 422, 431]);

/**
 * Checks every answer: an expected status, the envelope, no secret member, and no data of the other tenant.
 */
export function universalProblem(
  seen: Seen,
  { own, other }: Pick<Case, "own" | "other">,
  { world, method }: { world: World; method: string },
): Judgement {
  if (!CALM.has(seen.status) && !isRefusal(seen, "cms", method)) return `status ${seen.status}`;
  if (seen.headers["set-cookie"] !== undefined) return "a cookie of the CMS";
  if (method === "HEAD" && seen.text !== "") return "a HEAD with a body";
  const leaked = other.markers.find((marker) => seen.text.includes(marker));
  if (leaked !== undefined) return `text of tenant ${other.side} (key ${own.side}): ${leaked}`;
  const foreign = world.shared.size === 0 && other.id !== undefined ? String(other.id) : undefined;
  const { tenantField } = world.names;
  return (
    envelopeProblem(seen, method) ??
    walk(seen.json, (name, value) => {
      if (SECRET_MEMBERS.has(name)) return `a member ${name}`;
      if (name === tenantField && foreign !== undefined && String(idIn(value)) === foreign)
        return `a document of tenant ${other.side} (key ${own.side})`;
      return undefined;
    })
  );
}

/** Requires one of these refusals exactly. */
export function refused(...kinds: readonly ContractRefusal[]): Law {
  return (seen, { attempt }) =>
    kinds.some((kind) => isRefusal(seen, kind, attempt.method))
      ? undefined
      : `expected ${kinds.map(wordsOf).join(", or ")}; got ${shown(seen)}`;
}

/** Requires one of these statuses. */
export function status(...wanted: readonly number[]): Law {
  return (seen) =>
    wanted.includes(seen.status) ? undefined : `expected ${wanted.join(" or ")}; got ${shown(seen)}`;
}

/**
 * Requires that a 200 contains only the key's own documents; any other status needs only the universal
 * checks.
 */
export function contained(aim: Aim): Law {
  return (seen, bench) => (seen.status === 200 ? ownOnly(aim)(seen, bench) : undefined);
}

/** Requires a 200 with the contract's list of own documents only, or with a single own document. */
export function ownOnly(aim: Aim): Law {
  return (seen, { attempt }) => {
    if (seen.status !== 200) return `expected 200; got ${shown(seen)}`;
    if (attempt.method === "HEAD") return undefined;
    const { json } = seen;
    if (!isObject(json)) return "an answer that is no JSON object";
    if (!Array.isArray(json["docs"])) return documentProblem(json, aim);
    const members = Object.keys(json).toSorted();
    if (members.join() !== LIST_MEMBERS.join()) return `a list with the members ${members.join(", ")}`;
    for (const doc of json["docs"]) {
      const problem = isObject(doc) ? documentProblem(doc, aim) : "a document that is no object";
      if (problem !== undefined) return problem;
    }
    const shelf = aim.own.shelves.get(aim.collection);
    const { totalDocs } = json;
    if (aim.world.lent.has(aim.collection) || aim.world.samples.size > 0 || shelf === undefined)
      return undefined;
    return typeof totalDocs === "number" && totalDocs > shelf.ids.size
      ? `a count of ${totalDocs} where the tenant has ${shelf.ids.size}`
      : undefined;
  };
}

/** Requires an empty list. */
export const nothing: Law = (seen) => {
  const { json } = seen;
  if (seen.status !== 200 || !isObject(json)) return `expected an empty list; got ${shown(seen)}`;
  return Array.isArray(json["docs"]) && json["docs"].length === 0 && json["totalDocs"] === 0
    ? undefined
    : `expected an empty list; got ${String(json["totalDocs"])} documents`;
};

/**
 * Requires the same bytes as the answer to `reference`, except the request id. For a HEAD it compares the
 * head.
 */
export function sameAs(reference: RawRequest): Law {
  return async (seen, { attempt, send }) => {
    const first = difference(seen, await send(reference), attempt.method);
    if (first === undefined) return undefined;
    // Another client may have written between the two. A real difference occurs again.
    const [again, other] = [await send(attempt), await send(reference)];
    return difference(again, other, attempt.method);
  };
}

/** Requires all of the laws. */
export function all(...laws: readonly Law[]): Law {
  return async (seen, bench) => {
    for (const law of laws) {
      const problem = await law(seen, bench);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** Renders the beginning of an answer for a report. */
export function shown(seen: Seen): string {
  const text = seen.text.replace(/"requestId":"[^"]*"/, '"requestId":"…"');
  return `${seen.status} ${text.length > 160 ? `${text.slice(0, 160)}…` : text}`.trim();
}

function difference(a: Seen, b: Seen, method: string): Judgement {
  const [left, right] = [a, b].map((seen) =>
    method === "HEAD"
      ? `${seen.status} ${String(seen.headers["content-length"])} ${String(seen.headers["content-type"])}`
      : `${seen.status} ${seen.text.replace(/"requestId":"[0-9a-f-]{36}"/, '"requestId":""')}`,
  );
  return left === right ? undefined : `two answers that differ: ${shown(a)} and ${shown(b)}`;
}

function documentProblem(doc: Readonly<Record<string, unknown>>, aim: Aim): Judgement {
  const { own, other, collection, world } = aim;
  if (world.shared.has(collection)) return undefined;
  const { id } = doc;
  if (isId(id) && other.shelves.get(collection)?.ids.has(String(id)) === true)
    return `document ${id} of tenant ${other.side}, by its id (key ${own.side})`;
  const owner = idIn(doc[world.names.tenantField]);
  if (owner === undefined || own.id === undefined || String(owner) === String(own.id)) return undefined;
  // A shared collection may show a third tenant of the own group. The other tenant is not in that group.
  return world.lent.has(collection) && String(owner) !== String(other.id)
    ? undefined
    : `a document of tenant ${owner} (key ${own.side})`;
}

/** Returns the id in a relation, populated or not. */
export function idIn(value: unknown): Id | undefined {
  if (isId(value)) return value;
  return isObject(value) && isId(value["id"]) ? value["id"] : undefined;
}

function walk(value: unknown, judge: (name: string, value: unknown) => Judgement): Judgement {
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = walk(item, judge);
      if (problem !== undefined) return problem;
    }
  } else if (isObject(value)) {
    for (const [name, inner] of Object.entries(value)) {
      const problem = judge(name, inner) ?? walk(inner, judge);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}
