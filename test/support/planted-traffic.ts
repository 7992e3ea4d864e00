import type { Test } from "tap";
import { KEYS, USERS } from "./cms/keys.ts";
import type { FaultyLine } from "./faults.ts";
import { hold } from "./hold.ts";
import { inTime } from "./raw.ts";
import type { Gateway } from "./revocation.ts";

/** Traffic of every kind through a gateway, with words planted wherever a client can put one. */

const users = Object.values(USERS);
const PLANTED = {
  strangersKey: "PLANTED-key-of-nobody-0001",
  malformedKey: "PLANTED,malformed,key",
  created: "PLANTED-document-created",
  changed: "PLANTED-document-changed",
  text: "PLANTED-text",
  contact: "planted-contact@partner.test",
  condition: "PLANTED-condition",
  tenant: "planted-tenant-of-nobody",
  wrongPassword: "PLANTED-wrong-password",
  newEmail: "planted-person@partner.test",
  newPassword: "PLANTED-new-password",
  newKey: "77770000-0000-4000-8000-000000007777",
  file: "PLANTED-file-content",
  fileName: "PLANTED-file-name",
} as const;

/** Words that must not occur anywhere, by their meaning: planted ones, and the fixture's secrets. */
export const SECRETS: Readonly<Record<string, string>> = {
  ...PLANTED,
  ...Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [`key of ${name}`, key])),
  ...Object.fromEntries(users.map(({ name, email }) => [`e-mail of ${name}`, email])),
  ...Object.fromEntries(users.map(({ name, password }) => [`password of ${name}`, password])),
  seededTitle: "A page 1",
  seededText: "Content of page",
};

interface Asked {
  readonly method?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Sends one request and asserts the status of its response. Resolves with the body. */
type Expect = (status: number, path: string, asked: Asked) => Promise<string>;

function expecting(t: Test, gateway: Gateway): Expect {
  return async (status, path, { method = "GET", key, headers, body }) => {
    const isForm = body instanceof FormData;
    const response = await fetch(gateway.url + path, {
      method,
      headers: {
        ...(key !== undefined && { authorization: `users API-Key ${key}` }),
        ...(body !== undefined && !isForm && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    t.equal(response.status, status, `${method} ${path.slice(0, 60)}: ${text.slice(0, 100)}`);
    return text;
  };
}

const PARTNERS = "/partners/2026-02";
const POSTS = `${PARTNERS}/tenant-a/posts`;

/** Partners' requests: all operations of the API, in both of its versions, each with its own CMS. */
export async function partnersWork(t: Test, gateway: Gateway): Promise<void> {
  const expect = expecting(t, gateway);
  const key = KEYS.partnerA;
  const text = `${PLANTED.text} ${PLANTED.contact}`;
  for (const version of ["2026-02", "2025-07"]) {
    const posts = `/partners/${version}/tenant-a/posts`;
    const body = { title: PLANTED.created, text };
    const { id }: { id?: unknown } = JSON.parse(await expect(201, posts, { method: "POST", key, body }));
    const post = `${posts}/${String(id)}`;
    t.match(await expect(200, post, { key }), PLANTED.text);
    const changed = { title: PLANTED.changed, email: PLANTED.contact };
    for (const method of ["PATCH", "PUT"]) await expect(200, post, { method, key, body: changed });
    await expect(200, post, { method: "DELETE", key });
    await expect(200, `${posts}?where[title][equals]=${PLANTED.condition}`, { key });
    t.match(await expect(200, `/partners/${version}/tenant-a/pages?limit=50`, { key }), "Content of page");
  }
  const byId = { "x-basker-tenant-id": "2" };
  await expect(200, `${PARTNERS}/x/events?limit=5`, { key: KEYS.admin, headers: byId });
  await expect(200, `${PARTNERS}/x/media`, { key, headers: { "x-basker-tenant-slug": "tenant-a" } });
  await expect(200, `${PARTNERS}/tenant-c/pages`, { key: KEYS.partnerAC });
  await expect(200, "/partners/openapi.json", { key });
}

/**
 * All rejections of a partner, from a gateway whose `limits.inFlightPerKey` is 2 and whose CMS is behind
 * `line`.
 */
export async function partnersRefused(t: Test, gateway: Gateway, line: FaultyLine): Promise<void> {
  const expect = expecting(t, gateway);
  const key = KEYS.partnerA;
  const body = { title: PLANTED.created, text: PLANTED.text };
  for (const wrong of [PLANTED.strangersKey, PLANTED.malformedKey, KEYS.disabled])
    for (const method of ["GET", "DELETE"]) await expect(401, `${POSTS}/1`, { method, key: wrong });
  await expect(401, POSTS, { method: "POST", key: PLANTED.strangersKey, body });
  await expect(401, POSTS, { headers: { authorization: `Bearer ${PLANTED.strangersKey}` } });
  await expect(400, `/partners/1999-01/tenant-a/${PLANTED.tenant}`, { key });
  await expect(404, `${PARTNERS}/${PLANTED.tenant}/posts`, { key: KEYS.admin });
  await expect(404, `${PARTNERS}/${PLANTED.tenant}/posts`, { key });
  await expect(404, `${PARTNERS}/tenant-c/posts`, { key });
  await expect(404, `${PARTNERS}/tenant-a/users`, { key });
  await expect(400, POSTS, { method: "POST", key, body: [PLANTED.text] });
  await expect(422, `${PARTNERS}/tenant-a/events`, { method: "POST", key, body: { title: PLANTED.created } });
  for (const method of ["PATCH", "DELETE"]) await expect(404, `${POSTS}/50`, { method, key, body });
  await expect(403, `/api/posts?where[title][equals]=${PLANTED.condition}`, { key });
  // Two concurrent requests are one partner's limit: while they wait for the CMS, a third is rejected.
  const reads = hold(line, /^GET \/api\/posts/);
  const all = [1, 2, 3].map(() =>
    fetch(`${gateway.url}${PARTNERS}/tenant-b/posts`, {
      headers: { authorization: `users API-Key ${KEYS.partnerB}` },
    }),
  );
  const first = await inTime(Promise.race(all), () => "a response to one request of three");
  t.equal(first.status, 429, "more concurrent requests than one partner's limit");
  reads.release();
  const statuses = (await Promise.all(all)).map(({ status }) => status);
  t.strictSame(
    statuses.toSorted((a, b) => a - b),
    [200, 200, 429],
  );
}

/** Exceeds one partner's rate limits: `reads` and `writes` are its remaining requests. */
export async function partnersLimited(t: Test, gateway: Gateway, left: Record<"reads" | "writes", number>) {
  const expect = expecting(t, gateway);
  const [posts, key] = [`${PARTNERS}/tenant-d/posts`, KEYS.partnerD];
  const write = { method: "POST", key, body: { title: PLANTED.created } };
  for (let i = 0; i < left.reads; i += 1) await expect(200, posts, { key });
  for (let i = 0; i < left.writes; i += 1) await expect(201, posts, write);
  await expect(429, posts, { key });
  await expect(429, posts, write);
}

/** Editors' requests to the CMS, by session and by cookie. Resolves with the tokens of their sessions. */
export async function editorsWork(t: Test, gateway: Gateway, round: number): Promise<string[]> {
  const expect = expecting(t, gateway);
  const { email, password } = USERS.admin;
  const login = { method: "POST", body: { email, password: PLANTED.wrongPassword } };
  await expect(401, "/api/users/login", login);
  const entered = await expect(200, "/api/users/login", { ...login, body: { email, password } });
  const { token }: { token?: unknown } = JSON.parse(entered);
  const cookie = { cookie: `payload-token=${String(token)}` };
  const headers = { authorization: `JWT ${String(token)}` };
  t.match(await expect(200, "/api/users/me", { headers: cookie }), email);
  await expect(200, `/api/posts?where[title][equals]=${PLANTED.condition}`, { headers });
  const post = { tenant: 1, title: PLANTED.created, text: PLANTED.contact };
  await expect(201, "/api/posts", { method: "POST", headers, body: post });
  const form = new FormData();
  form.append("file", new File([PLANTED.file], `${PLANTED.fileName}-${round}.txt`, { type: "text/plain" }));
  form.append("_payload", JSON.stringify({ tenant: 1, title: PLANTED.created }));
  await expect(201, "/api/files", { method: "POST", headers, body: form });
  await expect(200, `/api/files/file/${PLANTED.fileName}-${round}.txt`, { headers });
  const person = {
    email: PLANTED.newEmail.replace("@", `-${round}@`),
    password: PLANTED.newPassword,
    enableAPIKey: true,
    apiKey: PLANTED.newKey,
    tenants: [{ tenant: 1 }],
  };
  const made: { doc?: { id?: unknown } } = JSON.parse(
    await expect(201, "/api/users", { method: "POST", headers, body: person }),
  );
  await expect(200, `${POSTS}?limit=1`, { key: PLANTED.newKey });
  await expect(200, `/api/users/${String(made.doc?.id)}`, { method: "DELETE", headers });
  await expect(401, `${POSTS}?limit=1`, { key: PLANTED.newKey });
  await expect(200, "/api/tenants/3", { method: "PATCH", headers, body: { name: PLANTED.created } });
  return [String(token)];
}

/** An operator's requests to the admin port, with each way to purge the caches. */
export async function operatorsWork(t: Test, gateway: Gateway, token: string): Promise<void> {
  const wishes = [
    { key: KEYS.partnerA },
    { key: PLANTED.strangersKey },
    { user: USERS.partnerA.id },
    { tenant: 1 },
    { all: true },
  ];
  for (const wish of wishes) {
    const response = await fetch(`${gateway.adminUrl}/purge`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(wish),
    });
    t.equal(response.status, 200, JSON.stringify(Object.keys(wish)));
    await response.arrayBuffer();
  }
  const refused = await fetch(`${gateway.adminUrl}/purge`, {
    method: "POST",
    body: JSON.stringify(wishes[0]),
  });
  t.equal(refused.status, 401);
}
