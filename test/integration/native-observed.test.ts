import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { closesEarly, type OnWire, startFaultyLine } from "../support/faults.ts";
import type { TestGateway } from "../support/gateway.ts";
import { rawExchange, rawRequest } from "../support/raw.ts";
import { samplesOf } from "../support/scrape.ts";
import { startStillGateway } from "../support/still-gateway.ts";
import { until } from "../support/until.ts";

/** A gateway in observe mode, beside the existing entry point: requests to be refused pass and are logged. */

const cms = await startCms();
t.teardown(() => cms.close());

const METRIC = "gateway_observed_refusals_total";

async function started(t: Test, native: object, upstream = cms.url): Promise<TestGateway> {
  const gateway = await startStillGateway(upstream, { native, upstream: { deadline: "100h" } });
  t.teardown(() => gateway.stop());
  return gateway;
}

/** Resolves with the first `n` lines of requests to be refused. The gateway logs them asynchronously. */
function observed(gateway: TestGateway, n: number): Promise<Record<string, unknown>[]> {
  return until(`${n} lines of requests that would be refused`, () => {
    const lines = gateway.lines().filter(({ msg }) => msg === "would be refused");
    return lines.length >= n && lines;
  });
}

const keyed = (key: string): { headers: Record<string, string> } => ({
  headers: { authorization: `users API-Key ${key}` },
});

/** Resolves with the status of a request with exactly this target. */
async function statusOf(gateway: TestGateway, target: string, more: readonly string[] = []): Promise<number> {
  const head = [`GET ${target} HTTP/1.1`, "Host: cms", ...more, "Connection: close"];
  const answer = await rawExchange(gateway.port, rawRequest(head));
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

t.test("a key on a native path is served as before, and its user is logged without the key", async (t) => {
  const gateway = await started(t, { keys: "observe" });
  cms.takeRequests();
  const answer = await fetch(`${gateway.url}/api/posts?limit=1&depth=0`, keyed(cms.keys.partnerA));
  t.equal(answer.status, 200);
  t.match(await answer.json(), { docs: [{ title: /post/ }] });
  t.ok(
    cms
      .takeRequests()
      .some(
        ({ path, headers }) =>
          path.startsWith("/api/posts") && headers.authorization === `users API-Key ${cms.keys.partnerA}`,
      ),
    "the CMS received the key",
  );
  const [line] = await observed(gateway, 1);
  t.match(line, {
    level: 30,
    requestId: answer.headers.get("x-request-id"),
    code: "native.keyed",
    userId: 2,
    tenants: [1],
    method: "GET",
    prefix: "/api",
    collection: "posts",
  });
  await fetch(`${gateway.url}/api/secret-words/17?x=y`, keyed("nobody's"));
  const [, second] = await observed(gateway, 2);
  t.notOk(
    second && ("userId" in second || "collection" in second),
    "an unknown user and an unknown collection are not logged",
  );
  t.notMatch(JSON.stringify(gateway.lines()), new RegExp(`${cms.keys.partnerA}|nobody's|secret-words`));
  t.strictSame(await samplesOf(gateway, METRIC), {
    "code=native.keyed,prefix=/api,user=2": 1,
    "code=native.keyed,prefix=/api,user=unknown": 1,
  });
});

t.test("writes, uploads with Expect: 100-continue and requests without a key pass as before", async (t) => {
  const gateway = await started(t, { keys: "observe" });
  const body = JSON.stringify({ title: "as before", tenant: 1 });
  const headers = { ...keyed(cms.keys.partnerA).headers, "content-type": "application/json" };
  const made = await fetch(`${gateway.url}/api/posts`, { method: "POST", headers, body });
  t.equal(made.status, 201);
  const head = [
    "POST /api/posts HTTP/1.1",
    "Host: cms",
    `Authorization: users API-Key ${cms.keys.partnerA}`,
    "Expect: 100-continue",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  const told = await rawExchange(gateway.port, rawRequest(head, body));
  t.match(told, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201/);
  t.equal((await fetch(`${gateway.url}/api/posts/1`)).status, 403, "the CMS's own answer without a key");
  t.equal((await observed(gateway, 2)).length, 2);
});

t.test("the request does not wait for the key lookup", async (t) => {
  const line = await startFaultyLine(() => cms.port);
  t.teardown(() => line.close());
  const gateway = await started(t, { keys: "observe" }, line.url);
  let lookup: OnWire | undefined;
  line.stage((request) => (lookup = request), /^GET \/api\/users\/me[^]*API-Key (?!partners-gateway-probe)/);
  const answer = await fetch(`${gateway.url}/api/posts/1?depth=0`, keyed(cms.keys.partnerA));
  t.equal(answer.status, 200);
  t.strictSame(
    gateway.lines().filter(({ msg }) => msg === "would be refused"),
    [],
    "answered before the lookup",
  );
  const { gateway: connection } = await until("the lookup", () => lookup);
  line.stage(closesEarly, /^GET \/api\/users\/me/);
  connection.destroy();
  const [told] = await observed(gateway, 1);
  t.notOk(told && "userId" in told);
});

t.test("observing one rule leaves the other rule enforced, and invalid targets refused", async (t) => {
  const key = [`Authorization: users API-Key ${cms.keys.partnerA}`];
  const odd = "/api/posts/../posts/1?depth=0";
  const keysOnly = await started(t, { keys: "observe" });
  t.equal(await statusOf(keysOnly, odd, key), 400);
  t.equal(await statusOf(keysOnly, odd), 400);
  t.equal(await statusOf(keysOnly, "/nowhere", key), 403);
  t.equal(await statusOf(keysOnly, "/api/posts", [...key, "Authorization: JWT x"]), 400);
  t.equal(await statusOf(keysOnly, "/partners/2026-02/tenant-c/posts", key), 404);

  const targetsOnly = await started(t, { targets: "observe" });
  t.equal(await statusOf(targetsOnly, odd, key), 403);
  t.equal(await statusOf(targetsOnly, "/api/posts/1", key), 403);
  t.equal(await statusOf(targetsOnly, odd), 403, "the CMS's own answer to a request without a key");
  t.equal(await statusOf(targetsOnly, "/api/posts\u0001"), 400);
  t.equal(await statusOf(targetsOnly, "/api/../partners/2026-02/tenant-a/posts"), 400);
  const [line] = await observed(targetsOnly, 1);
  t.match(line, { code: "request.malformed", reason: "target can be read in two ways", prefix: "/api" });

  const both = await started(t, { keys: "observe", targets: "observe" });
  t.equal(await statusOf(both, odd, key), 200);
  t.equal((await observed(both, 2)).length, 2, "a line for each rule");
});

t.test("enforcing is the default, and every start with observe logs a warning", async (t) => {
  const enforcing = await started(t, {});
  t.equal(await statusOf(enforcing, "/api/posts", ["Authorization: users API-Key k"]), 403);
  const loud = (gateway: TestGateway) =>
    gateway.lines().filter(({ level, setting }) => level === 40 && setting !== undefined);
  t.strictSame(loud(enforcing), []);
  const observing = await started(t, { keys: "observe", targets: "observe" });
  t.match(loud(observing), [
    { setting: "native.keys", value: "observe", msg: /API keys pass on native paths/ },
    { setting: "native.targets", value: "observe" },
  ]);
});
