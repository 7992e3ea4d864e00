import { refused, status } from "../laws.ts";
import { aims, pathOf, type Aim, type Block, type Law } from "../world.ts";

/** Cases about authentication: malformed keys, and valid keys on native paths. */

/** Invalid `Authorization` values, or whole header lists, derived from a valid key. */
const BAD_KEYS: readonly (readonly [string, (key: string, users: string) => readonly string[]])[] = [
  ["no key", () => []],
  ["an empty value", () => ["authorization", ""]],
  ["an empty key", (_, users) => ["authorization", `${users} API-Key`]],
  ["nobody's key", (_, users) => ["authorization", `${users} API-Key 00000000-0000-4000-8000-000000000000`]],
  ["the key as Bearer", (key) => ["authorization", `Bearer ${key}`]],
  ["the key as Basic", (key) => ["authorization", `Basic ${Buffer.from(`:${key}`).toString("base64")}`]],
  ["the key as JWT", (key) => ["authorization", `JWT ${key}`]],
  ["the bare key", (key) => ["authorization", key]],
  ["API-Key without the collection", (key) => ["authorization", `API-Key ${key}`]],
  ["the scheme in lower case", (key, users) => ["authorization", `${users} api-key ${key}`]],
  ["the collection capitalised", (key, users) => ["authorization", `${capital(users)} API-Key ${key}`]],
  ["another collection", (key) => ["authorization", `partners API-Key ${key}`]],
  ["two spaces before the key", (key, users) => ["authorization", `${users} API-Key  ${key}`]],
  ["two spaces before the scheme", (key, users) => ["authorization", `${users}  API-Key ${key}`]],
  ["a tab", (key, users) => ["authorization", `${users}\tAPI-Key\t${key}`]],
  ["a key cut short", (key, users) => ["authorization", `${users} API-Key ${key.slice(0, -1)}`]],
  ["a key with something after it", (key, users) => ["authorization", `${users} API-Key ${key}x`]],
  ["a key and another word", (key, users) => ["authorization", `${users} API-Key ${key} x`]],
  ["the key in quotes", (key, users) => ["authorization", `${users} API-Key "${key}"`]],
  ["a list of keys", (key, users) => ["authorization", `${users} API-Key ${key}, ${users} API-Key ${key}`]],
  [
    "the header twice",
    (key, users) => ["authorization", `${users} API-Key ${key}`, "authorization", `${users} API-Key ${key}`],
  ],
  [
    "the header twice, one empty",
    (key, users) => ["authorization", "", "authorization", `${users} API-Key ${key}`],
  ],
  ["the key in x-api-key", (key) => ["x-api-key", key, "api-key", key]],
  ["the key in Proxy-Authorization", (key, users) => ["proxy-authorization", `${users} API-Key ${key}`]],
  [
    "the key in look-alikes",
    (key, users) => [
      "x-authorization",
      `${users} API-Key ${key}`,
      "authorization_",
      `${users} API-Key ${key}`,
    ],
  ],
  ["the key in a cookie", (key) => ["cookie", `payload-token=${key}; apiKey=${key}; users=${key}`]],
];

/** Spellings of paths of the CMS's own API, on which no key is allowed. GET only. */
const NATIVE: readonly ((collection: string) => string)[] = [
  (c) => `/api/${c}`,
  (c) => `/api/${c}/`,
  (c) => `/api/${c}?depth=0`,
  (c) => `/API/${c}`,
  (c) => `/Api/${c}`,
  (c) => `/%61pi/${c}`,
  (c) => `/api%2f${c}`,
  (c) => `//api/${c}`,
  (c) => `/./api/${c}`,
  (c) => `/x/../api/${c}`,
  (c) => `/api/./${c}`,
  (c) => `/api//${c}`,
  (c) => `/api;x/${c}`,
  (c) => `/api\\${c}`,
  (c) => `/partners/../api/${c}`,
  (c) => `/partners/%2e%2e/api/${c}`,
  (c) => `/partners/..;/api/${c}`,
  (c) => `/PARTNERS/2026-02/x/${c}`,
  () => "/api/users/me",
  () => "/api/users",
  () => "/api/tenants",
  () => "/api/access",
  () => "/admin",
  () => "/",
];

const unauthorised: Law = refused("key");
/**
 * The key is refused (403), or the path is refused before that: an ambiguous spelling may be malformed or
 * unknown.
 */
const turnedAway: Law = status(400, 403, 404);

/** The block of malformed, missing and unknown keys, which all get the same answer. */
export const keys: Block = {
  name: "keys",
  tries: "no key, malformed keys, keys in other places: the same 401 for every path",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      if (aim.own.side === "B") continue;
      const key = aim.own.authorization.split(" ").at(-1) ?? "";
      for (const [i, [name, headersOf]] of BAD_KEYS.entries()) {
        if (!aim.isTurn(i)) continue;
        const headers = headersOf(key, world.names.users);
        for (const [what, method, target] of reads(aim)) {
          const attempt = { method, target, headers };
          yield {
            name: `${what} with ${name}`,
            own: aim.own,
            other: aim.other,
            attempt,
            law: unauthorised,
          };
        }
      }
    }
  },
};

/** The block of valid keys on native paths. */
export const native: Block = {
  name: "native",
  tries: "a valid key on the CMS's own paths, in every spelling: refused, never answered",
  writes: false,
  *cases({ a, b, collections }) {
    for (const collection of collections.slice(0, 2)) {
      for (const [name, headers] of [
        ["the key", ["authorization", a.authorization]],
        ["the key in lower case", ["authorization", a.authorization.replace("API-Key", "api-key")]],
        ["the key, second in a list", ["authorization", `Basic x, ${a.authorization}`]],
      ] as const) {
        for (const spell of NATIVE) {
          const target = spell(collection);
          if (!target.includes(collection) && collection !== collections[0]) continue;
          const law = /^\/(?:api\/[a-z]|admin|$)/.test(target) ? status(403) : turnedAway;
          yield {
            name: `${target} with ${name}`,
            own: a,
            other: b,
            attempt: { method: "GET", target, headers },
            law,
          };
        }
      }
    }
  },
};

/** The block of versions that do not exist. */
export const versions: Block = {
  name: "versions",
  tries: "versions that are not supported: 400 with a key, 401 without",
  writes: false,
  *cases({ a, b, names, collections: [collection = "pages"] }) {
    for (const version of [
      "2025-10",
      "1999-01",
      "v1",
      "latest",
      "2026-2",
      "2026-02-01",
      `${names.version}x`,
      "0",
      "null",
    ]) {
      const target = `/partners/${version}/${a.slug}/${collection}`;
      const headers = ["authorization", a.authorization];
      const of = { own: a, other: b };
      yield {
        ...of,
        name: version,
        attempt: { method: "GET", target, headers },
        law: refused("version"),
      };
      yield {
        ...of,
        name: `${version} without a key`,
        attempt: { method: "GET", target, headers: [] },
        law: unauthorised,
      };
    }
  },
};

function reads({ world, own, collection, mine }: Aim): [string, string, string][] {
  const list = pathOf(world.names, own.slug, collection);
  const one = pathOf(world.names, own.slug, collection, mine);
  return [
    [`list ${collection}`, "GET", list],
    [`HEAD ${collection}`, "HEAD", list],
    [`read ${collection}`, "GET", one],
  ];
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
