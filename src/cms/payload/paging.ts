import type { ClientQuery } from "./client-query.ts";
import type { PayloadSettings } from "./settings.ts";

/** The part of a list that a client requests. */
export interface Paging {
  /** The largest number of documents. */
  readonly limit: number;
  readonly page: number;
  /** True if the client requests no count of the documents and no number of pages (`pagination=false`). */
  readonly unpaged: boolean;
}

/**
 * Reads `limit`, `page` and `pagination`. With a limit, Payload 3.90 reads `page` beside `pagination=false`
 * too: a client can page through a list without the cost of a count. Without a limit in the query there are
 * no pages.
 */
export function pagingOf(asked: ClientQuery, { maxPage }: PayloadSettings): Paging {
  const unpaged = asked["pagination"] === "false";
  const limit = pageSize(asked["limit"], unpaged, maxPage);
  const hasPages = !unpaged || isPositive(asked["limit"]);
  return { limit, unpaged, page: hasPages && isPositive(asked["page"]) ? Number(asked["page"]) : 1 };
}

function pageSize(value: unknown, unpaged: boolean, cap: number): number {
  const standard = unpaged ? cap : Math.min(10, cap);
  if (typeof value !== "string" || !/^\d{1,9}$/.test(value)) return standard;
  const wanted = Number(value);
  return wanted === 0 ? cap : Math.min(wanted, cap);
}

/** Returns the requested depth, at most `cap`. Without a valid one it returns `cap`. */
export function depth(value: unknown, cap: number): number {
  return typeof value === "string" && /^\d{1,3}$/.test(value) ? Math.min(Number(value), cap) : cap;
}

/** True for a positive integer that Payload reads as it is spelt. */
export function isPositive(value: unknown): value is string {
  return typeof value === "string" && /^[1-9]\d{0,8}$/.test(value);
}
