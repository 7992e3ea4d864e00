import type { Id } from "./world.ts";

/**
 * The material of a query: the tenant field, both tenants, the other's slug, and one record id of each
 * tenant.
 */
export interface Stuff {
  readonly t: string;
  readonly own: Id;
  readonly other: Id;
  readonly slug: string;
  readonly id: Id;
  readonly mine: Id;
}

/** A query string. `nothing`: the contract requires an empty list, not only one without foreign records. */
export type Trick = readonly [query: (stuff: Stuff) => string, matches?: "nothing"];

const json = (value: unknown): string =>
  `where=${encodeURIComponent(typeof value === "string" ? value : JSON.stringify(value))}`;
const nested = (levels: number, inside: unknown): unknown =>
  levels === 0 ? inside : { and: [nested(levels - 1, inside)] };
const brackets = (levels: number): string => "[and][0]".repeat(levels);
const filler = (count: number): string => Array.from({ length: count }, (_, i) => `a${i}=1`).join("&");

/** Forms of `where` that are known to widen, bypass or override a constraint in some system. */
export const WHERE_TRICKS: readonly Trick[] = [
  // The other tenant in a plain condition.
  [({ t, other }) => `where[${t}][equals]=${other}`, "nothing"],
  [({ t, other }) => `where[${t}][in]=${other}`, "nothing"],
  [({ t, other }) => `where[${t}][in][0]=${other}`, "nothing"],
  [({ t, own, other }) => `where[${t}][in]=${own},${other}`],
  [({ t, own, other }) => `where[${t}][in][0]=${own}&where[${t}][in][1]=${other}`],
  [({ t, own }) => `where[${t}][not_equals]=${own}`, "nothing"],
  [({ t, own }) => `where[${t}][not_in]=${own}`, "nothing"],
  [({ t }) => `where[${t}][exists]=true`],
  [({ t }) => `where[${t}][exists]=false`, "nothing"],
  [({ t }) => `where[${t}][greater_than]=0`],
  [({ t }) => `where[${t}][less_than_equal]=999999`],
  [({ t }) => `where[${t}][like]=`],
  [({ t, other }) => `where[${t}][contains]=${other}`],
  [({ t, other }) => `where[${t}][all]=${other}`],
  // With `and` and `or`.
  [({ t, other }) => `where[or][0][${t}][equals]=${other}`, "nothing"],
  [({ t, other }) => `where[and][0][${t}][equals]=${other}`, "nothing"],
  [({ t, other }) => `where[OR][0][${t}][equals]=${other}`],
  [({ t, other }) => `where[Or][0][${t}][equals]=${other}`],
  [({ t, other }) => `where[AND][0][${t}][equals]=${other}`],
  [({ t, own, other }) => `where[or][0][${t}][equals]=${own}&where[or][1][${t}][equals]=${other}`],
  [
    ({ t, own, other }) => `where[and][0][${t}][equals]=${own}&where[or][0][${t}][equals]=${other}`,
    "nothing",
  ],
  [
    ({ t, own, other }) => `where[or][0][${t}][equals]=${other}&where[and][0][${t}][equals]=${own}`,
    "nothing",
  ],
  [({ t, other }) => `where[or][0][id][exists]=true&where[or][1][${t}][equals]=${other}`],
  [({ t, other }) => `where[or][0][and][0][or][0][${t}][equals]=${other}`, "nothing"],
  [({ t, other }) => `where${brackets(3)}[or][0][${t}][equals]=${other}`, "nothing"],
  [({ t, other }) => `where${brackets(6)}[${t}][equals]=${other}`],
  [({ t, other }) => `where${brackets(12)}[${t}][equals]=${other}`],
  [() => "where[or][]="],
  [() => "where[and][]="],
  [() => "where[or]="],
  [() => "where[or][0]="],
  [() => "where[or][0][id][exists]=true&where[or][0][or][0][id][exists]=true"],
  [({ t, other }) => `where[or][a][${t}][equals]=${other}`],
  [({ t, other }) => `where[or][99999][${t}][equals]=${other}`],
  [({ t, other }) => `where[not][${t}][equals]=${other}`],
  [({ t, other }) => `where[nor][0][${t}][equals]=${other}`],
  // As JSON.
  [({ t, other }) => json({ [t]: { equals: other } }), "nothing"],
  [({ t, other }) => json({ or: [{ [t]: { equals: other } }] }), "nothing"],
  [
    ({ t, own, other }) => json({ and: [{ [t]: { equals: own } }], or: [{ [t]: { equals: other } }] }),
    "nothing",
  ],
  [
    ({ t, own, other }) => json({ or: [{ [t]: { equals: other } }], and: [{ [t]: { equals: own } }] }),
    "nothing",
  ],
  [({ t, other }) => json({ or: [{ [t]: { equals: other } }, {}] })],
  [({ t, other }) => json(nested(5, { [t]: { equals: other } })), "nothing"],
  [({ t, other }) => json(nested(60, { [t]: { equals: other } }))],
  [
    ({ t, own, other }) =>
      json(`{"${t}":{"equals":${JSON.stringify(own)}},"${t}":{"equals":${JSON.stringify(other)}}}`),
    "nothing",
  ],
  [({ t, other }) => json(`{"\\u0074${t.slice(1)}":{"equals":${JSON.stringify(other)}}}`)],
  [({ t, other }) => json(JSON.stringify(JSON.stringify({ [t]: { equals: other } })))],
  [({ t }) => json({ [t]: {} })],
  [({ t }) => json({ [t]: null })],
  [({ t, other }) => json({ [t]: other })],
  [({ t, other }) => json({ [t]: [{ equals: other }] })],
  [({ t, other }) => json({ [t]: { equals: [other] } })],
  [({ t, other }) => json({ [t]: { equals: { id: other } } })],
  [({ t, other }) => json({ [t]: { in: [[other]] } })],
  [({ t, other }) => json({ __proto__: null, constructor: { [t]: { equals: other } } })],
  [({ t, other }) => json(`{"__proto__":{"${t}":{"equals":${JSON.stringify(other)}}}}`)],
  [() => json({})],
  [() => json([])],
  [() => json("null")],
  [() => json('"x"')],
  [() => json("true")],
  [() => json("1")],
  [() => json({ and: [] })],
  [() => json({ or: [] })],
  [() => json({ or: [{}] })],
  [() => json({ and: [null] })],
  [() => json('{"or":['), "nothing"],
  [() => json("{}x"), "nothing"],
  [({ t, other }) => `${json({})}&where[${t}][equals]=${other}`],
  [({ t, other }) => `where[${t}][equals]=${other}&${json({})}`],
  // Paths into the tenant or another record.
  [({ t, other }) => `where[${t}.id][equals]=${other}`],
  [({ t, own }) => `where[${t}.id][not_equals]=${own}`],
  [({ t, other }) => `where[${t}__id][equals]=${other}`],
  [({ t, slug }) => `where[${t}.slug][equals]=${slug}`],
  [({ t, slug }) => `where[${t}__slug][equals]=${slug}`],
  [({ t }) => `where[${t}.name][exists]=true`],
  [({ t, other }) => `where[${t}][id][equals]=${other}`],
  [({ t, other }) => `where[${t}.group.id][exists]=true&where[or][0][${t}.id][equals]=${other}`],
  // Spellings that some parsers read as a condition.
  [({ t, other }) => `where[${t}]=${other}`],
  [({ t, other }) => `where[${t}][]=${other}`],
  [({ t, other }) => `where[${t}][equals][]=${other}`],
  [({ t, own, other }) => `where[${t}][equals]=${own}&where[${t}][equals]=${other}`],
  [({ t, own, other }) => `where[${t}][equals][0]=${own}&where[${t}][equals][1]=${other}`],
  [({ t, other }) => `where%5B${t}%5D%5Bequals%5D=${other}`, "nothing"],
  [({ t, other }) => `%77here[${t}][equals]=${other}`, "nothing"],
  [({ t, other }) => `where[%74${t.slice(1)}][equals]=${other}`],
  [({ t, other }) => `where%255B${t}%255D%255Bequals%255D=${other}`],
  [({ t, other }) => `where.${t}.equals=${other}`],
  [({ t, other }) => `WHERE[${t}][equals]=${other}`],
  [({ t, other }) => `where[${t.toUpperCase()}][equals]=${other}`],
  [({ t, other }) => `where[${t}%20][equals]=${other}`],
  [({ t, other }) => `where[${t}][equals%20]=${other}`],
  [({ t, other }) => `where[${t}][EQUALS]=${other}`],
  [({ t, other }) => `where[__proto__][${t}][equals]=${other}`],
  [({ t, other }) => `where[constructor][prototype][${t}][equals]=${other}`],
  [({ t, other }) => `?where[${t}][equals]=${other}`],
  [({ t, other }) => `&&where[${t}][equals]=${other}&&`],
  [({ t, other }) => `x=1;where[${t}][equals]=${other}`],
  [({ t, other }) => `where[${t}][equals]=${other}%00`],
  [({ t, other }) => `where[${t}][$eq]=${other}`],
  [({ t, own }) => `where[${t}][$ne]=${own}`],
  [({ t, other }) => `where[$or][0][${t}][equals]=${other}`],
  [() => "where[$where]=1"],
  [() => "where="],
  [() => "where"],
  [() => "where[]="],
  [() => "where[][]=1"],
  // More parameters than the parser's limit.
  ...[998, 999, 1000, 1001].map((count): Trick => [
    ({ t, other }) => `${filler(count)}&where[${t}][equals]=${other}`,
  ]),
  [({ t, other }) => `where[${t}][equals]=${other}&${filler(1000)}`],
  // By id.
  [({ id }) => `where[id][equals]=${id}`, "nothing"],
  [({ id }) => `where[id][in]=${id}`, "nothing"],
  [({ id, mine }) => `where[id][in]=${id},${mine}`],
  [({ id, mine }) => `where[or][0][id][equals]=${id}&where[or][1][id][equals]=${mine}`],
  [({ id }) => json({ id: { equals: id } }), "nothing"],
  [({ id }) => `where[id][like]=${id}`],
  [({ id }) => `id=${id}&where[id][equals]=${id}`, "nothing"],
  // Fields with credentials.
  ...[
    "apiKey",
    "apiKeyIndex",
    "password",
    "hash",
    "salt",
    "resetPasswordToken",
    "sessions",
    "loginAttempts",
  ].map((name): Trick => [() => `where[${name}][exists]=true`]),
];
