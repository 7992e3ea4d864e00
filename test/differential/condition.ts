import { isJson, type Json } from "../support/isolation.ts";
import type { Side } from "./side.ts";
import type { PartnerStep, Query, Value } from "./steps.ts";

/** The condition of a list. */

export type List = Extract<PartnerStep, { readonly do: "list" }>;

/** The parameters of a list's condition, in the spelling of the step. */
export function conditionOf({ where, brackets }: List, side: Side): Query {
  if (where === undefined) return {};
  const condition = side.resolve(where);
  const json = JSON.stringify(condition);
  // An empty list has no spelling in brackets.
  return brackets === true && !json.includes("[]") ? inBrackets("where", condition) : { where: json };
}

function inBrackets(name: string, value: Value): Query {
  if (typeof value !== "object" || value === null) return { [name]: String(value) };
  const members = Object.entries(value).map(([key, inner]) => inBrackets(`${name}[${key}]`, inner));
  return Object.fromEntries(members.flatMap((one) => Object.entries(one)));
}

/** The fields of a condition. */
export function fieldsIn(where: Value | undefined): readonly string[] {
  if (Array.isArray(where)) return where.flatMap((part: Value) => fieldsIn(part));
  if (!isJson(where)) return [];
  return Object.entries(where).flatMap(([name, value]) =>
    name === "and" || name === "or" ? fieldsIn(Array.isArray(value) ? value : []) : [name],
  );
}

/** The list of a condition that matches nothing. */
export function nothing({ limit, page, pagination }: Query): Json {
  return {
    docs: [],
    totalDocs: 0,
    limit: Number(limit),
    totalPages: 1,
    page: pagination === "false" ? 1 : Number(page),
    pagingCounter: 1,
    hasPrevPage: false,
    hasNextPage: false,
    prevPage: null,
    nextPage: null,
  };
}
