import type { RecordId, UpstreamAnswer } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { relatedId } from "./ids.ts";
import { readJson } from "./json.ts";

/** Requests for the parts of one list, at the most: enough to find two unreadable records among a hundred. */
const MOST_PARTS = 40;

/**
 * A list that Payload (3.90) fails at because it cannot read one of its records (a draft on SQLite with a date that is
 * none), read in parts: what is left without the records at which the CMS fails.
 */
export interface PartialList {
  /** The ids to be read next; `undefined` where all is known or too much has been asked. */
  readonly next: readonly RecordId[] | undefined;
  /** The list with the records that can be read, in its order; `undefined` where none can, or too much was asked. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  /** The records at which the CMS fails. */
  readonly unreadable: readonly RecordId[];
}

/** What the answers come to: `page` is the list of ids, `parts` are the answers to the parts so far, in order. */
export function partialList(page: UpstreamAnswer, parts: readonly UpstreamAnswer[]): PartialList | undefined {
  const body = readJson(page);
  if (page.status !== 200 || !isObject(body) || !Array.isArray(body["docs"])) return undefined;
  const ids = body["docs"].map((doc: unknown) => relatedId(doc)).filter((id) => id !== undefined);
  const docs: unknown[] = [];
  const unreadable: RecordId[] = [];
  let waiting = halves(ids);
  for (const part of parts) {
    const [asked = [], ...rest] = waiting;
    const read = docsOf(part);
    if (read === undefined && asked.length === 1) unreadable.push(...asked);
    docs.push(...(read ?? []));
    waiting = read === undefined && asked.length > 1 ? [...halves(asked), ...rest] : rest;
  }
  const [next] = parts.length < MOST_PARTS ? waiting : [];
  const isWhole = waiting.length === 0 && docs.length > 0;
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
