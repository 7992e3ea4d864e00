import { KEYS, USERS } from "./cms/keys.ts";
import { until } from "./until.ts";

/** A gateway as far as these tests need one. */
export interface Gateway {
  readonly url: string;
  readonly adminUrl: string;
}

/** What all replicas of a test have in common. */
export const SECRET = "a-cache-secret-of-the-tests-only-0123456789";
export const TOKEN = "an-admin-token-of-the-tests";

/** For tests of what is right and not of how long it takes, on machines that have much else to do. */
export const PATIENT = { commandTimeout: "500ms", ackTimeout: "2s" };

/** The environment of a gateway that shares what it knows through Redis. */
export function sharing(redisUrl: string): Record<string, string> {
  return { REDIS_URL: redisUrl, CACHE_SECRET: SECRET, ADMIN_TOKEN: TOKEN };
}

/**
 * What a gateway says of a key, without a question to the CMS but for the key itself: the version in the path does not
 * exist, which is looked at after the key.
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
 * Waits until a gateway refuses a key that it may still remember. Where facts live for longer than a test's patience,
 * this is no expiry: the gateway was told, or does not trust what it remembers.
 */
export async function untilRefused(gateway: Gateway, key: string): Promise<void> {
  await until("the key to be refused", async () => (await judge(gateway, key)) === "refused");
}

/** The administrator at work in the CMS, through one gateway. */
export interface Administrator {
  /** Sends one request and wants it to succeed; resolves with its answer's body. */
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

/** Asks a gateway's admin port to forget. */
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
