import { parse } from "qs-esm";

/** A client's parsed query. No value is validated yet. */
export type ClientQuery = Readonly<Record<string, unknown>>;

const MAX_PARAMETERS = 1000;
const UNREADABLE = { where: [] } as const;
const NO_QUERY: ClientQuery = {};

/**
 * Parses a query string as the CMS does. Above 1,000 parameters the parser would silently ignore the rest, so
 * such a query has a `where` that matches nothing.
 */
export function readQuery(query: string): ClientQuery {
  if (query === "") return NO_QUERY;
  if (query.split("&", MAX_PARAMETERS + 1).length > MAX_PARAMETERS) return UNREADABLE;
  return parse(query, { depth: 30, arrayLimit: 1000, parameterLimit: MAX_PARAMETERS, plainObjects: true });
}
