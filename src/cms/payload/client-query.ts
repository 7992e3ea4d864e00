import { parse } from "qs-esm";

/** A client's query, taken apart: nothing of it is known to be right. */
export type ClientQuery = Readonly<Record<string, unknown>>;

const MAX_PARAMETERS = 1000;
const UNREADABLE = { where: [] } as const;
const NO_QUERY: ClientQuery = {};

/**
 * What a client asked, by the CMS's own reading of query strings. A query of so many parameters that the parser would
 * silently stop reading has a `where` that matches nothing.
 */
export function readQuery(query: string): ClientQuery {
  if (query === "") return NO_QUERY;
  if (query.split("&", MAX_PARAMETERS + 1).length > MAX_PARAMETERS) return UNREADABLE;
  return parse(query, { depth: 30, arrayLimit: 1000, parameterLimit: MAX_PARAMETERS, plainObjects: true });
}
