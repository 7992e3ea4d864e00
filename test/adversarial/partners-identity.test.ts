// Attack: impersonation: another scheme, a cookie beside an invalid key, two keys, a token in place of a key.
// Amplifier: Payload's `me` answers 200 to every client, and uses a cookie's user if the key is invalid.
// Defence: one exact form of key, looked up without any other credential. Only the key's own user counts.
import tap from "tap";

import { createPayloadCms } from "../../src/cms/payload/payload.ts";
import { loadConfig } from "../../src/config/load.ts";
import { Secret } from "../../src/core/secret.ts";
import { clientOf } from "../support/cms/client.ts";
import { USERS } from "../support/cms/keys.ts";
import { breaches, docsOf, faceOf, startSite, words } from "../support/isolation.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => void site.cms.takeRequests());

const { keys } = site.cms;
const { email, password } = USERS.admin;
const login = await clientOf(site.cms.url, "").write("POST", "/api/users/login", { email, password });
const token = String(login["token"]);

const UNAUTHORIZED = { status: 401, json: { error: "Unauthorized", message: "Valid API key required" } };

await tap.test("every value but one key in the exact form gets the same 401", async (t) => {
  const key = keys.partnerA;
  const refused = faceOf(await site.as("partnerA", "").ask("GET", "tenant-a/posts"));
  for (const value of [
    `Bearer ${key}`,
    `API-Key ${key}`,
    `users api-key ${key}`,
    `Users API-Key ${key}`,
    `USERS API-KEY ${key}`,
    `users  API-Key ${key}`,
    `users API-Key  ${key}`,
    `users\tAPI-Key ${key}`,
    "users API-Key",
    "users API-Key x y",
    `users API-Key ${key.toUpperCase()}`,
    `users API-Key ${key} x`,
    `users API-Key ${key},`,
    `tenants API-Key ${key}`,
    `users API-Key ${key}, users API-Key ${keys.admin}`,
    `JWT ${token}`,
    `Bearer ${token}`,
    `users API-Key ${token}`,
    `users API-Key ${keys.disabled}`,
    "users API-Key null",
    "users API-Key undefined",
    "users API-Key [object Object]",
    `users API-Key ${"x".repeat(513)}`,
    `users API-Key "${key}"`,
    `Basic ${Buffer.from(`x:${key}`).toString("base64")}`,
    `users API-Key %61${key.slice(1)}`,
    "users API-Key partners-gateway-probe",
    "users API-Key *",
    "users API-Key %",
  ]) {
    const reply = await site.as("partnerA", value).ask("GET", "tenant-a/posts");
    t.equal(faceOf(reply), refused, value.slice(0, 60));
    t.match(reply, UNAUTHORIZED);
  }
  for (const path of site.cms.takeRequests().map((request) => request.path))
    t.equal(path, "/api/users/me?depth=0");
});

await tap.test("rejects two Authorization headers, in either order", async (t) => {
  const valid = `users API-Key ${keys.partnerA}`;
  for (const authorization of [
    [valid, valid],
    [valid, `users API-Key ${keys.admin}`],
    [`JWT ${token}`, valid],
    [valid, ""],
  ]) {
    const reply = await site.as("partnerA", "").ask("GET", "tenant-a/posts", { headers: { authorization } });
    t.match(reply, UNAUTHORIZED);
  }
  t.strictSame(site.cms.takeRequests(), []);
});

await tap.test("a valid session beside an invalid key gets 401", async (t) => {
  for (const value of ["users API-Key nobody", `users API-Key ${keys.disabled}`, "", `JWT ${token}`]) {
    for (const headers of [
      { cookie: `payload-token=${token}` },
      { cookie: `payload-token=${token}; payload-tenant=3` },
      { "x-payload-token": token, "proxy-authorization": `JWT ${token}` },
      { "x-authorization": `users API-Key ${keys.admin}`, "x-api-key": keys.admin },
      { authorization_: `users API-Key ${keys.admin}` },
    ]) {
      t.match(await site.as("partnerA", value).ask("GET", "tenant-a/posts", { headers }), UNAUTHORIZED);
    }
  }
  for (const { headers, path } of site.cms.takeRequests()) {
    t.equal(path, "/api/users/me?depth=0");
    t.notOk("cookie" in headers || "proxy-authorization" in headers);
    t.notOk(JSON.stringify(headers).includes(token));
  }
});

await tap.test("an administrator's session beside a partner's key adds no rights", async (t) => {
  const headers = { cookie: `payload-token=${token}` };
  const a = site.as("partnerA");
  t.equal((await a.ask("GET", "tenant-c/posts", { headers })).status, 404);
  const docs = docsOf(await a.ask("GET", "tenant-a/posts?limit=100&depth=0", { headers }));
  t.strictSame([...new Set(docs.map(({ tenant }) => tenant))], [1]);
  t.strictSame(breaches(site.cms.takeRequests(), { tenant: 1, scope: [1], key: "partnerA" }), []);
});

await tap.test("a key in a query, a body or a path is not accepted", async (t) => {
  const nobody = site.as("partnerA", "");
  const key = encodeURIComponent(keys.partnerA);
  for (const path of [
    `tenant-a/posts?authorization=users%20API-Key%20${key}`,
    `tenant-a/posts?apiKey=${key}&api-key=${key}&key=${key}&access_token=${key}`,
    `tenant-a/posts/${key}`,
  ]) {
    t.match(await nobody.ask("GET", path), UNAUTHORIZED);
  }
  t.match(await nobody.ask("POST", "tenant-a/posts", { body: { apiKey: keys.partnerA } }), UNAUTHORIZED);
  t.strictSame(site.cms.takeRequests(), []);
});

/** The user of the key, if the CMS answers the lookup with `user`. */
async function identified(user: unknown): Promise<unknown> {
  const config = loadConfig({ env: { UPSTREAM_URL: "http://cms.invalid" }, readFile: () => "" });
  const body = Buffer.from(JSON.stringify({ user, message: "Account" }));
  const answer = { status: 200, contentType: "application/json", contentEncoding: undefined, body };
  const cms = createPayloadCms(config, { send: () => Promise.resolve(answer) });
  const note = { stage: "", upstreamRequests: 0, upstreamMs: 0 };
  return cms.identify(new Secret("key"), { requestId: "id", signal: new AbortController().signal, note });
}

await tap.test("rejects a user that the CMS has found by another strategy than the key", async (t) => {
  const user = {
    id: 1,
    collection: "users",
    _strategy: "api-key",
    tenants: [{ tenant: 1 }],
    roles: ["editor"],
  };
  t.match(await identified(user), { userId: 1, tenantIds: [1], allTenants: false });
  for (const other of [
    { ...user, _strategy: "local-jwt" },
    { ...user, _strategy: undefined },
    { ...user, collection: "staff" },
    { ...user, collection: undefined },
    { ...user, id: undefined },
    [user],
    null,
    "admin",
  ]) {
    t.equal(await identified(other), undefined, JSON.stringify(other));
  }
});

await tap.test(
  "without a key, versions, tenants, collections and records get the same response",
  async (t) => {
    for (const key of ["", "users API-Key nobody"]) {
      const nobody = site.as("partnerA", key);
      const [first = "", ...others] = await Promise.all(
        words(`
          /partners/2026-02/tenant-a/posts/1 /partners/2026-02/tenant-x/posts/1
          /partners/1999-01/tenant-a/posts /partners/2026-02/tenant-a/nosuch /partners/2026-02/tenant-a
          /partners/2026-02 /partners/x /partners/2026-02/tenant-a/posts/count
          /partners/2026-02/tenant-a/users
        `).map(async (path) => faceOf(await nobody.call("GET", path))),
      );
      t.match(first, /^\[401,/);
      for (const other of others) t.equal(other, first);
    }
  },
);
