import type { ClientQuery } from "./client-query.ts";
import type { PayloadSettings } from "./settings.ts";

/** The part of a list that a client asks for. */
export interface Paging {
  /** Documents at the most. */
  readonly limit: number;
  readonly page: number;
  /** True where the client asks for no count of the documents and no number of pages (`pagination=false`). */
  readonly unpaged: boolean;
}

/**
 * Reads `limit`, `page` and `pagination`. Payload 3.90 reads `page` beside `pagination=false` as well, where there is a limit:
 * a client walks through a list in this way without the cost of a count. Without a limit of its own there are no pages.
 */
export function pagingOf(asked: ClientQuery, { maxPage }: PayloadSettings): Paging {
  const unpaged = asked["pagination"] === "false";
  const limit = pageSize(asked["limit"], unpaged, maxPage);
  const hasPages = !unpaged || isPositive(asked["limit"]);
  return { limit, unpaged, page: hasPages && isPositive(asked["page"]) ? Number(asked["page"]) : 1 };
}

function pageSize(asked: unknown, unpaged: boolean, cap: number): number {
  const standard = unpaged ? cap : Math.min(10, cap);
  if (typeof asked !== "string" || !/^\d{1,9}$/.test(asked)) return standard;
  const wanted = Number(asked);
  return wanted === 0 ? cap : Math.min(wanted, cap);
}

/** The depth that a client asks for, `cap` at the most and where it asks for none. */
export function depth(asked: unknown, cap: number): number {
  return typeof asked === "string" && /^\d{1,3}$/.test(asked) ? Math.min(Number(asked), cap) : cap;
}

/** True for a number of pages or records that Payload reads as it is spelt. */
export function isPositive(asked: unknown): asked is string {
  return typeof asked === "string" && /^[1-9]\d{0,8}$/.test(asked);
}
