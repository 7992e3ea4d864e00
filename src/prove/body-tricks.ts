import type { Doc, Id } from "./world.ts";

/** The material of a body: the tenant field, both tenants, and a record of the other tenant. */
export interface BodyStuff {
  readonly t: string;
  readonly own: Id;
  readonly other: Id;
  readonly slug: string;
  readonly id: Id;
}

/** The text of a body, built from one that the CMS accepts. */
export type BodyTrick = readonly [name: string, body: (sample: Doc, stuff: BodyStuff) => string];

const plus = (name: string, fields: (stuff: BodyStuff) => Doc): BodyTrick => [
  name,
  (sample, stuff) => JSON.stringify({ ...sample, ...fields(stuff) }),
];

/** Builds a body from JSON text before and after the sample's own members. */
const raw = (
  name: string,
  members: (stuff: BodyStuff) => readonly [before: string, after: string],
): BodyTrick => [
  name,
  (sample, stuff) => {
    const [before, after] = members(stuff);
    const inside = JSON.stringify(sample).slice(1, -1);
    return `{${[before, inside, after].filter((part) => part !== "").join(",")}}`;
  },
];

const q = (value: unknown): string => JSON.stringify(value);

/** Bodies that name another tenant, or a record of another tenant, in every known place and form. */
export const BODY_TRICKS: readonly BodyTrick[] = [
  plus("the other's id", ({ t, other }) => ({ [t]: other })),
  plus("its id as text", ({ t, other }) => ({ [t]: String(other) })),
  plus("its id with spaces", ({ t, other }) => ({ [t]: ` ${other} ` })),
  plus("its slug", ({ t, slug }) => ({ [t]: slug })),
  plus("{id}", ({ t, other }) => ({ [t]: { id: other } })),
  plus("{id} as text", ({ t, other }) => ({ [t]: { id: String(other) } })),
  plus("{value}", ({ t, other }) => ({ [t]: { value: other } })),
  plus("{relationTo, value}", ({ t, other }) => ({ [t]: { relationTo: "tenants", value: other } })),
  plus("{_id}", ({ t, other }) => ({ [t]: { _id: other } })),
  plus("{connect}", ({ t, other }) => ({ [t]: { connect: other } })),
  plus("a list", ({ t, other }) => ({ [t]: [other] })),
  plus("a list of both", ({ t, own, other }) => ({ [t]: [own, other] })),
  plus("a locale's value", ({ t, other }) => ({ [t]: { en: other, de: other } })),
  plus("null", ({ t }) => ({ [t]: null })),
  plus("an empty text", ({ t }) => ({ [t]: "" })),
  plus("zero", ({ t }) => ({ [t]: 0 })),
  plus("false", ({ t }) => ({ [t]: false })),
  plus("an empty object", ({ t }) => ({ [t]: {} })),
  plus("a condition", ({ t, other }) => ({ [t]: { equals: other } })),
  plus("a dotted key", ({ t, other }) => ({ [`${t}.id`]: other })),
  plus("a dotted key beside the own", ({ t, own, other }) => ({ [t]: own, [`${t}.id`]: other })),
  plus("a dotted key to value", ({ t, other }) => ({ [`${t}.value`]: other })),
  plus("a key ending in a dot", ({ t, other }) => ({ [`${t}.`]: other })),
  plus("a bracketed key", ({ t, other }) => ({ [`${t}[id]`]: other })),
  plus("a list's key", ({ t, other }) => ({ [`${t}[]`]: other, [`${t}.0`]: other })),
  plus("a key with __", ({ t, other }) => ({ [`${t}__id`]: other, [`${t}_id`]: other })),
  plus("a key in upper case", ({ t, other }) => ({ [t.toUpperCase()]: other })),
  plus("a key with spaces", ({ t, other }) => ({ [` ${t}`]: other, [`${t} `]: other })),
  plus("a key with NUL", ({ t, other }) => ({ [`${t}\u0000`]: other })),
  plus("look-alike keys", ({ t, other }) => ({
    [`${t}Id`]: other,
    [`${t}ID`]: other,
    [`_${t}`]: other,
    [`${t}s`]: [other],
  })),
  plus("operators", ({ t, other }) => ({ $set: { [t]: other }, $rename: { [t]: "x" }, $unset: { [t]: "" } })),
  plus("wrapped in data", ({ t, other }) => ({
    data: { [t]: other },
    doc: { [t]: other },
    body: { [t]: other },
  })),
  plus("_payload", ({ t, other }) => ({ _payload: JSON.stringify({ [t]: other }) })),
  plus("constructor", ({ t, other }) => ({ constructor: { prototype: { [t]: other } } })),
  plus("a draft of the other's", ({ t, other }) => ({ [t]: other, _status: "draft" })),
  plus("a method", ({ t, other }) => ({ [t]: other, _method: "GET", method: "GET" })),
  plus("a depth and a where", ({ t, other }) => ({
    where: { [t]: { equals: other } },
    depth: 10,
    overrideAccess: true,
  })),
  plus("the other's record as id", ({ id }) => ({ id })),
  plus("the other's record as _id", ({ id }) => ({ _id: id })),
  plus("the other's record, dotted", ({ id }) => ({ "id.": id, "id.id": id })),
  plus("the other's record to duplicate", ({ id }) => ({ duplicateFromID: id, duplicateFrom: id })),
  raw("twice, the other first", ({ t, own, other }) => [`${q(t)}:${q(other)}`, `${q(t)}:${q(own)}`]),
  raw("twice, the other last", ({ t, own, other }) => [`${q(t)}:${q(own)}`, `${q(t)}:${q(other)}`]),
  raw("an escaped key", ({ t, other }) => [
    "",
    `"\\u00${t.charCodeAt(0).toString(16)}${t.slice(1)}":${q(other)}`,
  ]),
  raw("a plain and an escaped key", ({ t, own, other }) => [
    `${q(t)}:${q(own)}`,
    `"\\u00${t.charCodeAt(0).toString(16)}${t.slice(1)}":${q(other)}`,
  ]),
  raw("__proto__", ({ t, other }) => ["", `"__proto__":{${q(t)}:${q(other)}}`]),
  raw("__proto__ inside", ({ t, other }) => ["", `"x":{"__proto__":{${q(t)}:${q(other)}}}`]),
  raw("a number with an exponent", ({ t, other }) => [
    "",
    `${q(t)}:${typeof other === "number" ? `${other}e0` : q(other)}`,
  ]),
  raw("a number with a fraction", ({ t, other }) => [
    "",
    `${q(t)}:${typeof other === "number" ? `${other}.0` : q(other)}`,
  ]),
];

/** Content types with bodies that are not JSON objects. The contract refuses all of them. */
export const NOT_JSON: readonly (readonly [name: string, type: string, body: BodyTrick[1]])[] = [
  [
    "multipart with _payload",
    "multipart/form-data; boundary=b",
    (sample, { t, other }) =>
      `--b\r\ncontent-disposition: form-data; name="_payload"\r\n\r\n${JSON.stringify({ ...sample, [t]: other })}\r\n--b--\r\n`,
  ],
  [
    "a form with _payload",
    "application/x-www-form-urlencoded",
    (sample, { t, other }) => `_payload=${encodeURIComponent(JSON.stringify({ ...sample, [t]: other }))}`,
  ],
  ["a form", "application/x-www-form-urlencoded", (_, { t, other }) => `title=x&${t}=${other}`],
  ["a list", "application/json", (sample, { t, other }) => JSON.stringify([{ ...sample, [t]: other }])],
  ["a text", "application/json", (sample) => JSON.stringify(JSON.stringify(sample))],
  ["two documents", "application/json", (sample) => JSON.stringify(sample).repeat(2)],
  ["with two byte order marks", "application/json", (sample) => `\ufeff\ufeff${JSON.stringify(sample)}`],
  ["nothing", "application/json", () => ""],
  ["null", "application/json", () => "null"],
  ["a number", "application/json", () => "1"],
  ["broken JSON", "application/json", (sample) => JSON.stringify(sample).slice(0, -1)],
];

/** Content types with which the gateway still accepts a JSON body. */
export const CONTENT_TYPES = [
  "text/plain",
  "application/octet-stream",
  " application/json",
  "application/json\t",
  "multipart/form-data; boundary=b",
  "application/x-www-form-urlencoded",
  "application/json; charset=utf-7",
] as const;

/** Queries of writes that name the other tenant or its record. */
export const WRITE_QUERIES: readonly ((stuff: BodyStuff) => string)[] = [
  ({ t, other }) => `${t}=${other}`,
  ({ t, other }) => `where[${t}][equals]=${other}`,
  ({ id }) => `where[id][equals]=${id}`,
  ({ id }) => `id=${id}`,
  ({ id }) => `duplicateFromID=${id}`,
  ({ t, other }) => `data[${t}]=${other}`,
  ({ t, other }) => `_payload=${encodeURIComponent(JSON.stringify({ [t]: other }))}`,
  () => "draft=true",
  () => "autosave=true",
  () => "trash=true",
  () => "depth=10",
  () => "overrideAccess=true",
  () => "_method=GET",
  ({ t }) => `select[${t}]=false`,
  () => "locale=de",
  () => "publishSpecificLocale=de",
];
