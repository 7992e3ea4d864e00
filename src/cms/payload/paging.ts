import type { ClientQuery } from "./client-query.ts";
import type { PayloadSettings } from "./settings.ts";

/** Which part of a list is asked for: documents at the most, and the page, `undefined` without pages. */
export function pagingOf(
  asked: ClientQuery,
  { maxPage }: PayloadSettings,
): { readonly limit: number; readonly page: number | undefined } {
  const unpaged = asked["pagination"] === "false";
  const limit = pageSize(asked["limit"], unpaged, maxPage);
  if (unpaged) return { limit, page: undefined };
  return { limit, page: isPositive(asked["page"]) ? Number(asked["page"]) : 1 };
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
