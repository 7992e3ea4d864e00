import type { RecordId, UpstreamAnswer } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { relatedId } from "./ids.ts";
import { readJson } from "./json.ts";

/**
 * The largest number of requests for the parts of one list: enough to find two unreadable records among 100.
 */
const MOST_PARTS = 40;

/**
 * A list that Payload (3.90) fails to read as a whole, because one of its records is unreadable (a draft on
 * SQLite with an invalid date). The gateway reads the list in parts and omits the unreadable records.
 */
export interface PartialList {
  /** The ids to read next; `undefined` if the list is complete or the limit of requests is reached. */
  readonly next: readonly RecordId[] | undefined;
  /**
   * The list with the readable records, in its order; `undefined` if parts are missing or no record is
   * readable.
   */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  /** The records that the CMS fails to read. */
  readonly unreadable: readonly RecordId[];
}

/**
 * Evaluates the answers so far: `page` is the list of ids, `parts` are the answers to the parts, in order.
 * Returns `undefined` if `page` is not a list.
 */
export function partialList(page: UpstreamAnswer, parts: readonly UpstreamAnswer[]): PartialList | undefined {
  const body = readJson(page);
  if (page.status !== 200 || !isObject(body) || !Array.isArray(body["docs"])) return undefined;
  const ids = body["docs"].map((doc: unknown) => relatedId(doc)).filter((id) => id !== undefined);
  const docs: unknown[] = [];
  const unreadable: RecordId[] = [];
  let pending = halves(ids);
  for (const part of parts) {
    const [requested = [], ...rest] = pending;
    const read = docsOf(part);
    if (read === undefined && requested.length === 1) unreadable.push(...requested);
    docs.push(...(read ?? []));
    pending = read === undefined && requested.length > 1 ? [...halves(requested), ...rest] : rest;
  }
  const [next] = parts.length < MOST_PARTS ? pending : [];
  const isWhole = pending.length === 0 && docs.length > 0;
  return { next, unreadable, body: isWhole ? { ...body, docs } : undefined };
}

function halves(ids: readonly RecordId[]): (readonly RecordId[])[] {
  const middle = Math.ceil(ids.length / 2);
  return [ids.slice(0, middle), ids.slice(middle)].filter((half) => half.length > 0);
}

function docsOf(answer: UpstreamAnswer): readonly unknown[] | undefined {
  const body = answer.status === 200 ? readJson(answer) : undefined;
  return isObject(body) && Array.isArray(body["docs"]) ? body["docs"] : undefined;
}
