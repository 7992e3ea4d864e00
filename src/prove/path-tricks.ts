import type { Id } from "./world.ts";

/** The material of a path: version, own and other tenant, collection and record id. */
export interface Path {
  readonly v: string;
  readonly own: string;
  readonly other: string;
  readonly c: string;
  readonly id: Id;
}

/** Paths that try to reach the other tenant's collection or record from the own tenant's path. */
export const PATHS: readonly ((p: Path) => string)[] = [
  ({ v, own, other, c }) => `/partners/${v}/${own}/../${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}/%2e%2e/${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}/.%2e/${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}/..;/${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}%2f..%2f${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}/%252e%252e/${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}\\..\\${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}%5c..%5c${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own};${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own};tenant=${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own},${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}%00${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}%0d%0a${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}/${own}//${other}/${c}`,
  ({ v, own, other, c }) => `/partners/${v}//${other}/${c}/${own}`,
  ({ v, own, c }) => `/partners//${v}/${own}/${c}`,
  ({ v, own, c }) => `//partners/${v}/${own}/${c}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}//${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/./${c}/${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/./${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/x/../${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/x%2f..%2f${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/${id}/`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/${id}//`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/${id}/versions`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/versions/${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/${id}/duplicate`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}%2f${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}?/${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}%3f/${id}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}%23/${id}`,
  ({ v, own, c }) => `/partners/${v}/${own}/${c.toUpperCase()}`,
  ({ v, own, c }) => `/partners/${v}/${own}/${c}%20`,
  ({ v, own, c }) => `/partners/${v}/${own}/${c}.json`,
  ({ v, own, c }) => `/partners/${v}/${own}/${c}%c0%ae`,
  ({ v, own, c }) => `/partners/${v}/${own}/${c}%zz`,
  ({ v, own, c }) => `/partners/${v}/${own}/%${c}`,
  ({ v, own, c, id }) => `/partners/${v}/${own}/${c}/${id}#${c}`,
  ({ v, own }) => `/partners/${v}/${own}/users`,
  ({ v, own }) => `/partners/${v}/${own}/tenants`,
  ({ v, own }) => `/partners/${v}/${own}/..%2fusers`,
  ({ v, own }) => `/partners/${v}/${own}/payload-preferences`,
  ({ v, own, c }) => `/PARTNERS/${v}/${own}/${c}`,
  ({ v, own, c }) => `/%70artners/${v}/${own}/${c}`,
  ({ v, own, c }) => `/api/../partners/${v}/${own}/${c}`,
  ({ v, other, c }) => `/partners/${v}/${other.toUpperCase()}/${c}`,
  ({ v, other, c }) => `/partners/${v}/${other}%20/${c}`,
  ({ v, other, c }) => `/partners/${v}/%20${other}/${c}`,
  ({ v, other, c }) => `/partners/${v}/${other}./${c}`,
  ({ v, other, c }) => `/partners/${v}/${escapeAll(other)}/${c}`,
  ({ v, other, c }) => `/partners/${v}/${other}%00/${c}`,
  ({ v, other, c }) => `/partners/${v}/${other}*/${c}`,
  ({ v, c }) => `/partners/${v}/*/${c}`,
  ({ v, other, c }) => `/partners/${v}/${other.replaceAll("-", "_")}/${c}`,
];

/** Spellings that a lenient CMS reads as the id. The contract accepts none of them. */
export const LENIENT: readonly ((id: Id) => string)[] = [
  (id) => `${id}abc`,
  (id) => `0${id}`,
  (id) => `00${id}`,
  (id) => `${id}.0`,
  (id) => `${id}.`,
  (id) => `${id}e0`,
  (id) => `+${id}`,
  (id) => `-${id}`,
  (id) => `%2B${id}`,
  (id) => `%20${id}`,
  (id) => `${id}%20`,
  (id) => `%09${id}`,
  (id) => `${id},1`,
  (id) => `${id}|1`,
  (id) => `${id}:1`,
  (id) => `${id}@1`,
  (id) => `${id}~`,
  (id) => `${id}%2F1`,
  (id) => `${id}%00`,
  (id) => `${id}%3B1`,
  (id) => `${id}%2C`,
  (id) => `[${id}]`,
  (id) => `%5B${id}%5D`,
  (id) => `%7B%22equals%22:${id}%7D`,
  (id) => `$${id}`,
  (id) => `'${id}'`,
  (id) => `%22${id}%22`,
  (id) => `0x${typeof id === "number" ? id.toString(16) : id}`,
  (id) => `${id}n`,
  (id) => `${id}_0`,
  (id) => `%EF%BC%91${id}`,
];

/** Words that the CMS routes specially in place of an id. The Partners API has no such routes. */
export const RESERVED = ["count", "COUNT", "c%6funt", "versions", "Versions", "access"];

/** Words with a special meaning in some system, in place of an id. They are neither records nor routes. */
export const WORDS = [
  "me",
  "login",
  "init",
  "logout",
  "undefined",
  "null",
  "NaN",
  "Infinity",
  "true",
  "__proto__",
  "constructor",
  "*",
  "%25",
  "_",
];

/** Percent-encodes every character. */
export function escapeAll(text: string): string {
  return text.replace(/./g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
}
