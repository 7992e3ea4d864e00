/** A user of the fixture. `tenants` are tenant ids, `key` is the API key in clear. */
export interface CmsUser {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly roles: readonly ("super-admin" | "editor")[];
  readonly tenants: readonly number[];
  readonly key: string;
}

/** The API keys of the fixture's users. `disabled` was valid once and has been disabled. */
export const KEYS = {
  admin: "0000adad-0000-4000-8000-000000000001",
  partnerA: "aaaa0000-0000-4000-8000-00000000000a",
  partnerB: "bbbb0000-0000-4000-8000-00000000000b",
  partnerC: "cccc0000-0000-4000-8000-00000000000c",
  partnerD: "dddd0000-0000-4000-8000-00000000000d",
  partnerAC: "acac0000-0000-4000-8000-0000000000ac",
  disabled: "dead0000-0000-4000-8000-00000000dead",
  service: "5e5e0000-0000-4000-8000-00000000005e",
} as const;

/** The name of a fixture user. */
export type KeyName = keyof typeof KEYS;

function user(id: number, key: KeyName, tenants: readonly number[]): CmsUser {
  // partnerAC is partner-ac.
  const name = key.replace(/[A-Z]+$/, (letters) => `-${letters.toLowerCase()}`);
  const roles = key === "admin" || key === "service" ? (["super-admin"] as const) : (["editor"] as const);
  return {
    id,
    name,
    email: `${name}@cms.test`,
    password: `${name}-password`,
    roles,
    tenants,
    key: KEYS[key],
  };
}

/** The fixture's users, in the order of their ids. */
export const USERS = {
  admin: user(1, "admin", [1, 2, 3, 4]),
  partnerA: user(2, "partnerA", [1]),
  partnerB: user(3, "partnerB", [2]),
  partnerC: user(4, "partnerC", [3]),
  partnerD: user(5, "partnerD", [4]),
  partnerAC: user(6, "partnerAC", [1, 3]),
  disabled: user(7, "disabled", [1]),
  service: user(8, "service", []),
} as const satisfies Record<KeyName, CmsUser>;
