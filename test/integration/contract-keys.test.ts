import tap, { type Test } from "tap";
import { USERS } from "../support/cms/keys.ts";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import {
  A,
  ROW,
  askerOf,
  briefly,
  indistinguishable,
  openHouse,
  refused,
  words,
} from "./support-contract.ts";

/** Section 2 of the contract (keys), and the part of section 6 about keys that the CMS refuses. */

const cms = await startCms();
tap.teardown(() => cms.close());
const house = await openHouse(tap, cms.url);
const { ask } = house;
const { partnerA, partnerB, disabled } = cms.keys;
const good = `users API-Key ${partnerA}`;
await ask(`GET ${A}/posts`);
tap.beforeEach(() => cms.takeRequests());

/** Reads a post with these `Authorization` headers. */
const asking = (...values: string[]) =>
  ask(`GET ${A}/posts/1`, { key: null, headers: values.flatMap((value) => ["Authorization", value]) });

type Verb = "create" | "read" | "update" | "delete";

/** Makes the CMS refuse this operation on posts to every user until the end of `t`. */
function forbid(t: Test, verb: Verb): void {
  const access = cms.payload.collections["posts"]?.config.access;
  const allowed = access?.[verb];
  if (access === undefined || allowed === undefined) throw new Error("the CMS has no posts");
  access[verb] = () => false;
  t.teardown(() => (access[verb] = allowed));
}

await tap.test("accepts Authorization: users API-Key <key>, with the header name in any case", async (t) => {
  t.match(await asking(good), { status: 200, json: { id: 1 } });
  t.match(await ask(`GET ${A}/posts/1`, { key: null, headers: ["aUTHORIZATION", good] }), { status: 200 });
  t.match(await asking(`${good} `), { status: 200 }, "a trailing space is not part of the value in HTTP");
  t.match(await asking(`\t${good}`), { status: 200 }, "leading white space is not part of the value either");
});

await tap.test("answers 401 Unauthorized without an Authorization header, without a lookup", async (t) => {
  refused(t, await ask(`GET ${A}/posts/1`, { key: null }), ROW.unauthorized);
  refused(t, await ask(`POST ${A}/posts`, { key: null, body: { title: "x" } }), ROW.unauthorized);
  refused(
    t,
    await ask(`GET ${A}/posts/1`, { key: null, headers: ["x-api-key", partnerA] }),
    ROW.unauthorized,
  );
  refused(t, await ask(`GET ${A}/posts/1?apiKey=${partnerA}`, { key: null }), ROW.unauthorized);
  t.same(briefly(cms.takeRequests()), []);
});

await tap.test("answers 401 Unauthorized to any format but users API-Key, without a lookup", async (t) => {
  const values = {
    Bearer: `Bearer ${partnerA}`,
    "a bare API-Key": `API-Key ${partnerA}`,
    "a bare key": partnerA,
    "users api-key": `users api-key ${partnerA}`,
    "users API-KEY": `users API-KEY ${partnerA}`,
    "Users API-Key": `Users API-Key ${partnerA}`,
    "USERS API-Key": `USERS API-Key ${partnerA}`,
    "an empty key": "users API-Key ",
    "no key": "users API-Key",
    "two spaces before the key": `users API-Key  ${partnerA}`,
    "two spaces before the scheme": `users  API-Key ${partnerA}`,
    "a tab": `users API-Key\t${partnerA}`,
    "a key in two words": `users API-Key ${partnerA} x`,
    "a key in quotes of two words": `users API-Key "${partnerA} x"`,
    "another collection": `tenants API-Key ${partnerA}`,
    "another scheme": `users JWT ${partnerA}`,
    "a list": `${good}, users API-Key ${partnerB}`,
    "a list of one and nothing": `${good},`,
    "a list that begins with nothing": `, ${good}`,
    "an empty header": "",
  };
  for (const [name, value] of Object.entries(values)) refused(t, await asking(value), ROW.unauthorized, name);
  t.same(briefly(cms.takeRequests()), []);
});

await tap.test("answers 401 Unauthorized to two Authorization headers, without a lookup", async (t) => {
  refused(t, await asking(good, good), ROW.unauthorized, "the same twice");
  refused(t, await asking(good, "Bearer x"), ROW.unauthorized, "the good one first");
  refused(t, await asking("Bearer x", good), ROW.unauthorized, "the good one last");
  refused(t, await asking(good, ""), ROW.unauthorized, "one of them empty");
  t.same(briefly(cms.takeRequests()), []);
});

await tap.test("answers 401 Unauthorized to an unknown key and to a disabled key", async (t) => {
  refused(t, await asking("users API-Key unknown"), ROW.unauthorized, "unknown");
  refused(t, await asking(`users API-Key ${partnerA.toUpperCase()}`), ROW.unauthorized, "in upper case");
  refused(t, await asking(`users API-Key ${disabled}`), ROW.unauthorized, "disabled");
  t.same(
    briefly(cms.takeRequests()),
    Array.from({ length: 3 }, () => "GET /api/users/me"),
  );
  refused(t, await asking("users API-Key unknown"), ROW.unauthorized, "unknown, again");
  t.same(briefly(cms.takeRequests()), [], "the CMS's answer is cached");
});

await tap.test("missing, malformed and unknown keys get the same answer", async (t) => {
  const missing = await ask(`GET ${A}/posts/1`, { key: null });
  for (const value of [`Bearer ${partnerA}`, "users API-Key unknown", `users API-Key ${disabled}`]) {
    indistinguishable(t, [await asking(value), missing], value);
  }
});

await tap.test("answers 401 Unauthorized to a session of the CMS, with or without a bad key", async (t) => {
  const { email, password } = USERS.admin;
  const { token } = await cms.payload.login({ collection: "users", data: { email, password } });
  cms.takeRequests();
  const cookie = ["Cookie", `payload-token=${String(token)}`];
  refused(t, await ask(`GET ${A}/posts/1`, { key: null, headers: cookie }), ROW.unauthorized, "a cookie");
  refused(t, await asking(`JWT ${String(token)}`), ROW.unauthorized, "a token");
  refused(t, await asking(`users API-Key ${String(token)}`), ROW.unauthorized, "a token as a key");
  const both = await ask(`GET ${A}/posts/1`, { key: "bad-key", headers: cookie });
  refused(t, both, ROW.unauthorized, "a cookie and a bad key");
  const [request, ...others] = cms.takeRequests();
  t.match(request, { path: "/api/users/me?depth=0", headers: { cookie: undefined } }, "no cookie to the CMS");
  t.same(others, []);
});

await tap.test("the slug of the auth collection (`users`) is configurable", async (t) => {
  // This CMS has no collection `members`, so the gateway never becomes ready.
  const gateway = await startTestGateway(cms.url, { cms: { users: "members" } });
  t.teardown(() => gateway.stop());
  const askOther = askerOf(gateway.port);
  refused(t, await askOther(`GET ${A}/posts/1`), ROW.unauthorized, "users is no longer the auth collection");
  t.notOk(cms.takeRequests().some(({ headers }) => headers.authorization?.includes(partnerA)));
  await askOther(`GET ${A}/posts/1`, { key: null, headers: ["Authorization", "members API-Key k"] });
  const asked = cms.takeRequests().find(({ headers }) => headers.authorization === "members API-Key k");
  t.equal(asked?.path, "/api/members/me?depth=0");
});

await tap.test("upstream requests carry the partner's own key and no other client header", async (t) => {
  const theirs =
    words(`Cookie X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto Forwarded X-Real-IP Origin Referer
    X-Middleware-Subrequest X-Anything Accept-Language If-None-Match Proxy-Authorization Content-Language Range`);
  const headers = theirs.flatMap((name) => [name, name === "Cookie" ? "payload-tenant=2" : "theirs"]);
  for (const what of [
    `GET ${A}/posts?limit=1`,
    `GET ${A}/posts/1`,
    `PATCH ${A}/posts/1`,
    `POST ${A}/posts`,
  ]) {
    cms.takeRequests();
    await ask(what, { headers, ...(what.startsWith("P") ? { body: { title: "x" } } : {}) });
    for (const { headers: sent, rawHeaders } of cms.takeRequests()) {
      t.equal(sent.authorization, good, what);
      const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
      const own =
        /^(?:accept|accept-encoding|accept-language|authorization|connection|content-(?:type|length)|host)$/;
      const others = names.filter((name) => !own.test(name));
      t.same(others, ["x-basker-tenant-id", "x-basker-tenant-slug", "x-request-id", "cdn-loop"], what);
      t.equal(sent["accept-language"], "en", "Accept-Language is the gateway's");
    }
  }
});

await tap.test("the gateway's own key is used for tenant lookups only", async (t) => {
  const other = await openHouse(t, cms.url, { cms: { serviceKey: cms.keys.service } });
  cms.takeRequests();
  await other.ask(`PATCH ${A}/posts/1`, { body: { title: "x" } });
  const asked = cms.takeRequests().map(({ path, headers }) => {
    const by = headers.authorization === good ? "the partner" : "the gateway";
    return `${path.split(/[/?]/)[2] ?? ""} by ${by}`;
  });
  t.same([...new Set(asked)], ["users by the partner", "tenants by the gateway", "posts by the partner"]);
});

await tap.test("answers 403 if the CMS refuses an action to a user whose key is still valid", async (t) => {
  const requests: readonly (readonly [Verb, string])[] = [
    ["create", `POST ${A}/posts`],
    ["update", `PATCH ${A}/posts/1`],
    ["delete", `DELETE ${A}/posts/1`],
    ["read", `GET ${A}/posts/1`],
    ["read", `DELETE ${A}/posts/1`],
  ];
  const asked: string[] = [];
  for (const [verb, request] of requests) {
    await t.test(`${request}, by the access to ${verb}`, async (t2) => {
      forbid(t2, verb);
      cms.takeRequests();
      refused(t2, await ask(request, { body: { title: "x" } }), ROW.notPermitted);
      asked.push(...briefly(cms.takeRequests()).filter((one) => one === "GET /api/users/me"));
    });
  }
  t.equal(asked.length, 1, "one lookup verified the key for all refusals within five seconds");
});

await tap.test("answers 401 to a cached key that was withdrawn in the CMS, and invalidates it", async (t) => {
  const b = "/partners/2026-02/tenant-b";
  t.match(await ask(`GET ${b}/posts/25`, { key: partnerB }), { status: 200 });
  const { id } = USERS.partnerB;
  await cms.payload.update({ collection: "users", id, data: { enableAPIKey: false } });
  cms.takeRequests();
  const answer = await ask(`PATCH ${b}/posts/25`, { key: partnerB, body: { title: "too late" } });
  refused(t, answer, ROW.unauthorized, "the CMS no longer accepts the key");
  t.equal(briefly(cms.takeRequests()).at(-1), "GET /api/users/me");
  t.match(await cms.payload.findByID({ collection: "posts", id: 25, depth: 0 }), { title: "B post 1" });
  refused(t, await ask(`GET ${b}/posts/25`, { key: partnerB }), ROW.unauthorized, "invalidated");
  t.same(briefly(cms.takeRequests()), [], "the key is cached as unknown");
});

await tap.test("the log contains no key", (t) => {
  t.ok(house.lines().length > 40);
  for (const key of Object.values(cms.keys)) t.notOk(JSON.stringify(house.lines()).includes(key));
  t.end();
});
