import t, { type Test } from "tap";

import { KEYS, USERS } from "../support/cms/keys.ts";
import { type Cms, startCms } from "../support/cms/server.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { objectOf } from "../support/isolation.ts";
import { until } from "../support/until.ts";

// Two CMSs with different data: versions, tenants and native traffic are each routed to the configured one.

const [current, old] = await Promise.all([startCms(), startCms()]);
t.teardown(() => Promise.all([current.close(), old.close()]));

/** A key that only the old CMS has, and one that only the current CMS has. Both are partner C's. */
const OLD_KEY = "0ccc0000-0000-4000-8000-00000000000c";
const NEW_KEY = KEYS.partnerC;
await old.payload.update({
  collection: "users",
  id: USERS.partnerC.id,
  data: { apiKey: OLD_KEY, enableAPIKey: true },
});
for (const [cms, where] of [
  [current, "current"],
  [old, "old"],
] as const) {
  for (const id of [25, 49])
    await cms.payload.update({ collection: "posts", id, data: { title: `${id} of the ${where} CMS` } });
}

const TWO = { upstreams: { old: { url: old.url } }, partners: { versionUpstreams: { "2025-07": "old" } } };

interface Told {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

interface Asked {
  readonly path: string;
  readonly key: string;
  readonly method?: string;
  readonly body?: string;
  readonly named?: Record<string, string>;
}

async function ask(gateway: TestGateway, { path, key, named = {}, ...init }: Asked): Promise<Told> {
  const headers = { authorization: `users API-Key ${key}`, "content-type": "application/json", ...named };
  const answer = await fetch(gateway.url + path, { ...init, headers });
  const body: unknown = await answer.json();
  return { status: answer.status, body: typeof body === "object" && body !== null ? { ...body } : {} };
}

async function gatewayFor(t: Test, settings: Record<string, unknown>): Promise<TestGateway> {
  const gateway = await startTestGateway(current.url, settings);
  t.teardown(() => gateway.stop());
  return gateway;
}

/** The requests that reached a CMS since the last call, without lookups of keys. */
function reached(cms: Cms): string[] {
  return cms
    .takeRequests()
    .map(({ method, path }) => `${method} ${path.split("?", 1)[0]}`)
    .filter((line) => !line.endsWith("/me"));
}

await t.test(
  "two versions on two CMSs answer from different data, and writes go where reads come from",
  async (t) => {
    const gateway = await gatewayFor(t, TWO);
    const title = async (version: string) => {
      const key = version === "2025-07" ? OLD_KEY : NEW_KEY;
      return (await ask(gateway, { path: `/partners/${version}/tenant-c/posts/49`, key })).body["title"];
    };
    t.equal(await title("2026-02"), "49 of the current CMS");
    t.equal(await title("2025-07"), "49 of the old CMS");
    const change = { method: "PATCH", body: JSON.stringify({ text: "changed" }) };
    t.equal(
      (await ask(gateway, { path: "/partners/2025-07/tenant-c/posts/49", key: OLD_KEY, ...change })).status,
      200,
    );
    const textOf = async (cms: Cms) => (await cms.payload.findByID({ collection: "posts", id: 49 }))["text"];
    t.equal(await textOf(old), "changed");
    t.not(await textOf(current), "changed");
    const lines = gateway.lines().filter(({ msg }) => msg === "request");
    t.strictSame(
      lines.map(({ upstream }) => upstream),
      ["default", "old", "old"],
      "the log names the CMS",
    );
  },
);

await t.test(
  "a key that one CMS accepts is 401 on the other, whichever lookup was cached first",
  async (t) => {
    const gateway = await gatewayFor(t, TWO);
    const status = async (version: string, key: string) =>
      (await ask(gateway, { path: `/partners/${version}/tenant-c/posts`, key })).status;
    for (let round = 0; round < 2; round += 1) {
      t.equal(await status("2025-07", OLD_KEY), 200);
      t.equal(await status("2026-02", OLD_KEY), 401);
      t.equal(await status("2026-02", NEW_KEY), 200);
      t.equal(await status("2025-07", NEW_KEY), 401);
    }
    t.equal(await status("2030-01", NEW_KEY), 400, "an unknown version uses the default CMS");
    t.equal(await status("2030-01", OLD_KEY), 401, "which does not accept this key");
    current.takeRequests();
    old.takeRequests();
    await status("2025-07", KEYS.partnerB);
    t.equal(current.takeRequests().length, 0, "no request of an old version reaches the current CMS");
  },
);

await t.test("a purge of a key applies to every CMS", async (t) => {
  const gateway = await gatewayFor(t, { ...TWO, server: { adminToken: "a-token-of-sixteen" } });
  await ask(gateway, { path: "/partners/2025-07/tenant-c/posts", key: OLD_KEY });
  const purge = await fetch(`${gateway.adminUrl}/purge`, {
    method: "POST",
    headers: { authorization: "Bearer a-token-of-sixteen" },
    body: JSON.stringify({ key: OLD_KEY }),
  });
  t.equal(purge.status, 200);
  old.takeRequests();
  await ask(gateway, { path: "/partners/2025-07/tenant-c/posts", key: OLD_KEY });
  t.ok(
    old.takeRequests().some(({ path }) => path.startsWith("/api/users/me")),
    "the key is looked up again",
  );
});

await t.test("a pinned tenant is served by its own CMS only, whatever the version", async (t) => {
  const gateway = await gatewayFor(t, {
    upstreams: { old: { url: old.url } },
    partners: { tenantUpstreams: { "tenant-c": "old", "tenant-b": "old" } },
  });
  const post = "/partners/2026-02/tenant-b/posts/25";
  t.equal((await ask(gateway, { path: post, key: KEYS.partnerB })).body["title"], "25 of the old CMS");
  const bySlug = { key: KEYS.partnerB, named: { "x-basker-tenant-slug": "tenant-b" } };
  t.equal(
    (await ask(gateway, { path: "/partners/2026-02/other/posts/25", ...bySlug })).body["title"],
    "25 of the old CMS",
  );
  current.takeRequests();
  const byId = await ask(gateway, {
    path: "/partners/2026-02/other/posts/25",
    key: KEYS.partnerB,
    named: { "x-basker-tenant-id": "2" },
  });
  t.equal(byId.status, 404, "with its id alone, the tenant does not exist on the CMS of the version");
  t.notOk(
    reached(current).some((line) => line.includes("posts")),
    "and none of its records is requested there",
  );
  t.equal(
    (await ask(gateway, { path: "/partners/2026-02/tenant-a/posts", key: KEYS.partnerA })).status,
    200,
    "other tenants are not affected",
  );

  const pinned = await ask(gateway, { path: "/partners/2026-02/tenant-c/posts", key: NEW_KEY });
  const missing = await ask(gateway, { path: "/partners/2026-02/nowhere/posts", key: NEW_KEY });
  const told = ({ status, body }: Told) => [status, body["error"], body["message"]];
  t.strictSame(told(pinned), told(missing), "a user unknown to its CMS cannot tell it from a missing one");
  t.equal(pinned.status, 404);
  t.equal((await ask(gateway, { path: "/partners/2026-02/tenant-c/posts", key: OLD_KEY })).status, 200);
  t.equal((await ask(gateway, { path: "/partners/2026-02/tenant-c/posts", key: "unknown" })).status, 401);
});

await t.test("native traffic goes to the configured CMS", async (t) => {
  const gateway = await gatewayFor(t, { upstreams: { old: { url: old.url } }, native: { upstream: "old" } });
  current.takeRequests();
  old.takeRequests();
  t.equal((await fetch(`${gateway.url}/api/posts/49`)).status, 403);
  t.strictSame(reached(old), ["GET /api/posts/49"]);
  t.strictSame(reached(current), []);
});

await t.test("every CMS has a part in /readyz, and every target a state in the metrics", async (t) => {
  const gateway = await gatewayFor(t, TWO);
  const told = await until("both CMSs to answer", async () => {
    const text = await (await fetch(`${gateway.adminUrl}/readyz`)).text();
    return text.split('"ok"').length === 3 && objectOf(text);
  });
  t.match(told, { status: "ready", parts: { cms: "ok", "cms.old": "ok" } });
  const page = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  t.match(page, `gateway_target_state{upstream="default",target="${current.url}"} 1`);
  t.match(page, `gateway_target_state{upstream="old",target="${old.url}"} 1`);
});
