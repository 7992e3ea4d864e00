import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { KEYS, type KeyName } from "../support/cms/keys.ts";
import { startFaultyLine } from "../support/faults.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { hold } from "../support/hold.ts";
import { unhurried } from "../support/unhurried.ts";

// Section 7 of the contract, in one process and so without Redis.
t.setTimeout(900_000);
const cms = await startCms({ record: false });
t.teardown(() => cms.close());

async function limited(t: Test, rate: Record<string, unknown> = {}): Promise<TestGateway> {
  const gateway = await startTestGateway(
    cms.url,
    unhurried({ rate: { enabled: true, window: "10m", ...rate } }),
  );
  t.teardown(() => gateway.stop());
  return gateway;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly key?: KeyName | "none";
  readonly body?: string;
}

async function send(gateway: TestGateway, { method = "GET", path, key = "partnerA", body }: Sent = {}) {
  const headers = {
    "content-type": "application/json",
    ...(key !== "none" && { authorization: `users API-Key ${KEYS[key]}` }),
  };
  const target = path ?? "/partners/2026-02/tenant-a/posts/1";
  const answer = await fetch(gateway.url + target, { method, headers, ...(body !== undefined && { body }) });
  await answer.arrayBuffer();
  const { status } = answer;
  return { status, headers: answer.headers, left: answer.headers.get("ratelimit")?.split(";")[1] };
}

t.test("rate limits are off by default: no request is counted, and no header is sent", async (t) => {
  const gateway = await startTestGateway(cms.url, unhurried());
  t.teardown(() => gateway.stop());
  for (let i = 0; i < 110; i += 1) t.equal((await send(gateway)).status, 200);
  t.equal((await send(gateway)).headers.get("ratelimit-policy"), null);
});

t.test("100 reads and 20 writes are counted separately, over all of the user's tenants", async (t) => {
  const gateway = await limited(t);
  const own = { key: "partnerAC" } as const;
  for (let i = 0; i < 100; i += 1) {
    const path =
      i % 2 === 0 ? "/partners/2026-02/tenant-a/posts/1" : "/partners/2026-02/tenant-c/posts?limit=1";
    const answer = await send(gateway, { ...own, path, method: i % 4 === 0 ? "HEAD" : "GET" });
    t.equal(answer.status, 200);
    t.equal(answer.left, `r=${99 - i}`);
    t.equal(answer.headers.get("ratelimit-policy"), '"reads";q=100;w=600');
  }
  const refused = await send(gateway, own);
  t.equal(refused.status, 429);
  const wait = Number(refused.headers.get("retry-after"));
  t.ok(wait > 0 && wait <= 600, `${wait} s`);
  t.equal(refused.headers.get("ratelimit"), `"reads";r=0;t=${wait}`);
  t.match(gateway.lines().at(-1), { code: "key.limited", stage: "rate", status: 429, userId: 6 });
  for (let i = 0; i < 20; i += 1) {
    const patch = { ...own, method: "PATCH", body: '{"text":"changed"}' };
    const answer = await send(gateway, patch);
    t.match({ status: answer.status, left: answer.left }, { status: 200, left: `r=${19 - i}` });
  }
  for (const method of ["POST", "PATCH", "PUT", "DELETE"])
    t.equal((await send(gateway, { ...own, method, body: "{}" })).status, 429, method);
  t.equal((await send(gateway)).left, "r=99", "another key has its full limit");
});

t.test(
  "an answer with an error counts and states the remainder; a 429 of the rate limit does not count",
  async (t) => {
    const gateway = await limited(t, { reads: 3 });
    const missing = await send(gateway, { path: "/partners/2026-02/tenant-a/posts/999999" });
    t.match({ status: missing.status, left: missing.left }, { status: 404, left: "r=2" });
    const stranger = await send(gateway, { path: "/partners/2026-02/tenant-b/posts" });
    t.match({ status: stranger.status, left: stranger.left }, { status: 404, left: "r=1" });
    t.equal((await send(gateway)).left, "r=0");
    for (let i = 0; i < 10; i += 1) t.equal((await send(gateway)).status, 429);
  },
);

t.test("the rate limit is checked after path, route, key and version, and before the tenant", async (t) => {
  const gateway = await limited(t, { reads: 1 });
  const before: readonly [Sent, number][] = [
    [{ path: "/partners/2026-02//posts" }, 400],
    [{ path: "/partners" }, 404],
    [{ key: "none" }, 401],
    [{ path: "/partners/1999-01/tenant-a/posts" }, 400],
  ];
  for (const [sent, status] of before) t.equal((await send(gateway, sent)).status, status);
  t.equal((await send(gateway)).left, "r=0", "none of the refused requests counted");
  for (const [sent, status] of before) {
    const answer = await send(gateway, sent);
    t.equal(answer.status, status);
    t.equal(answer.headers.get("ratelimit"), null);
  }
  for (const path of [
    "/partners/2026-02",
    "/partners/2026-02/nosuch/posts",
    "/partners/2026-02/tenant-a/nothing",
  ])
    t.equal((await send(gateway, { path })).status, 429, path);
});

t.test("a user's own limit overrides the limits of its roles, which override the default", async (t) => {
  const gateway = await limited(t, {
    reads: 2,
    writes: 2,
    roles: { editor: { reads: 4 }, "super-admin": { writes: 7 }, other: { reads: 1_000 } },
    users: { 4: { reads: 6 } },
  });
  const policy = async (sent: Sent) => (await send(gateway, sent)).headers.get("ratelimit-policy");
  const write = { method: "DELETE", path: "/partners/2026-02/tenant-a/posts/x" } as const;
  t.equal(await policy({ key: "partnerA" }), '"reads";q=4;w=600', "by role");
  t.equal(await policy({ key: "partnerA", ...write }), '"writes";q=2;w=600', "the role has none for writes");
  t.equal(await policy({ key: "partnerC" }), '"reads";q=6;w=600', "by id");
  t.equal(await policy({ key: "service" }), '"reads";q=2;w=600');
  t.equal(await policy({ key: "service", ...write }), '"writes";q=7;w=600');
});

t.test("a request over the user's limit of requests in flight is not counted", async (t) => {
  const line = await startFaultyLine(() => cms.port);
  const settings = { rate: { enabled: true, window: "10m", reads: 50 }, limits: { inFlightPerKey: 1 } };
  const gateway = await startTestGateway(line.url, unhurried(settings));
  t.teardown(async () => {
    await gateway.stop();
    await line.close();
  });
  t.equal((await send(gateway)).left, "r=49");
  const reads = hold(line, /^GET \/api\/posts/);
  const first = send(gateway);
  await reads.answered;
  const others = await Promise.all(Array.from({ length: 19 }, () => send(gateway)));
  for (const { status } of others) t.equal(status, 429);
  reads.release();
  t.match(await first, { status: 200, left: "r=48" });
  t.match(await send(gateway), { status: 200, left: "r=47" });
});
