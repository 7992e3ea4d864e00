import { KEYS, USERS } from "./cms/keys.ts";
import { until } from "./until.ts";

/** The parts of a gateway that these tests need. */
export interface Gateway {
  readonly url: string;
  readonly adminUrl: string;
}

/** The common secret of all replicas of a test. */
export const SECRET = "a-cache-secret-of-the-tests-only-0123456789";
export const TOKEN = "an-admin-token-of-the-tests";

/** For tests of correctness rather than of time, on busy machines. */
export const PATIENT = { commandTimeout: "500ms", ackTimeout: "2s" };

/** The environment of a gateway that shares its cache through Redis. */
export function sharing(redisUrl: string): Record<string, string> {
  return { REDIS_URL: redisUrl, CACHE_SECRET: SECRET, ADMIN_TOKEN: TOKEN };
}

/**
 * Returns the gateway's verdict on a key, with no other lookup in the CMS than the key's own: the path names
 * an unknown version, which is checked after the key.
 */
export async function judge(gateway: Gateway, key: string): Promise<"good" | "refused" | "unknown"> {
  const status = await statusOf(gateway, "/partners/1999-01/x/y", key);
  if (status === 400) return "good";
  if (status === 401) return "refused";
  if (status === 503) return "unknown";
  throw new Error(`status ${status}`);
}

/** The status of a GET with a key. */
export async function statusOf(gateway: Gateway, path: string, key: string): Promise<number> {
  const response = await fetch(gateway.url + path, { headers: { authorization: `users API-Key ${key}` } });
  await response.arrayBuffer();
  return response.status;
}

/** Waits until a gateway's `/readyz` shows the CMS and Redis in that state. */
export async function untilRedis(gateway: Gateway, state: "ok" | "degraded"): Promise<void> {
  await until(`redis to be ${state}`, async () => {
    const text = await (await fetch(`${gateway.adminUrl}/readyz`)).text();
    return text.includes(`"redis":"${state}"`) && text.includes('"cms":"ok"');
  });
}

/**
 * Waits until a gateway rejects a key that it may still have cached. If entries live longer than the test's
 * timeout, the cause is not expiry: the gateway was notified, or does not trust its cache.
 */
export async function untilRefused(gateway: Gateway, key: string): Promise<void> {
  await until("the key to be refused", async () => (await judge(gateway, key)) === "refused");
}

/** The administrator's requests to the CMS, through one gateway. */
export interface Administrator {
  /** Sends one request and asserts that it succeeds. Resolves with the response's body. */
  write(method: string, path: string, body?: unknown): Promise<unknown>;
}

/** Logs in through `gateway`, as a browser does. */
export async function administrator(gateway: Gateway): Promise<Administrator> {
  const { email, password } = USERS.admin;
  const json = { "content-type": "application/json" };
  const login = await fetch(`${gateway.url}/api/users/login`, {
    method: "POST",
    headers: json,
    body: JSON.stringify({ email, password }),
  });
  const { token }: { token?: unknown } = JSON.parse(await login.text());
  const authorization = `JWT ${String(token)}`;
  return {
    async write(method, path, body) {
      const response = await fetch(gateway.url + path, {
        method,
        headers: { authorization, ...json },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok || text.includes('"errors":[{'))
        throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
      return JSON.parse(text);
    },
  };
}

/** Sends a purge to a gateway's admin port. */
export async function purge(gateway: Gateway, what: unknown, token = TOKEN): Promise<Response> {
  return fetch(`${gateway.adminUrl}/purge`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(what),
  });
}

/** The key of the fixture that these tests withdraw. */
export const KEY = KEYS.partnerA;
export const USER = `/api/users/${USERS.partnerA.id}`;
