import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";

import tap from "tap";

import { startProgram } from "../support/program.ts";
import { startPair } from "../support/pair.ts";
import {
  administrator,
  judge,
  KEY,
  PATIENT,
  pause,
  purge,
  sharing,
  statusOf,
  untilRedis,
  USER,
} from "../support/revocation.ts";

// What two tiers are for: few questions to the CMS whatever comes. What is in them: redis-secrets.test.ts.
tap.setTimeout(300_000);
const RATE = 40;
const limits = { inFlightPerKey: 1_000 };
// Facts outlive the slowest run: what is asked here is what pushes them out, not what they die of.
const cache = { lookupsPerSecond: RATE, keyTtl: "10m", tenantTtl: "10m" };
const settings = { cache, limits, redis: PATIENT };
const MAIN = join(import.meta.dirname, "../../src/main.ts");
const { cms, redis, one, two } = await startPair(tap, settings, { record: true });
await purge(one, { all: true });

/** Passes a GET on to the CMS. */
async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const authorization = request.headers.authorization ?? "";
  const answer = await fetch(cms.url + (request.url ?? ""), { headers: { authorization } });
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(await answer.text());
}

/** The purge command, to its end. */
function run(args: readonly string[], env: Record<string, string>, input = "") {
  return spawnSync(process.execPath, [MAIN, "purge", ...args], { env: { ...env }, input, encoding: "utf8" });
}

/** How often the CMS was asked whose a key is since the last time. */
function identifications(): number {
  return cms.takeRequests().filter(({ path }) => path.startsWith("/api/users/me")).length;
}

await tap.test("500 first requests at once with one key are one lookup", async (t) => {
  await purge(one, { all: true });
  identifications();
  const answers = await Promise.all(Array.from({ length: 500 }, () => judge(one, KEY)));
  t.strictSame([...new Set(answers)], ["good"]);
  t.equal(identifications(), 1, "in the process that learnt it first");
  const others = await Promise.all(Array.from({ length: 500 }, () => judge(two, KEY)));
  t.strictSame([...new Set(others)], ["good"]);
  t.equal(identifications(), 0, "and none in the other, which has it from Redis");

  await purge(one, { all: true });
  identifications();
  await Promise.all(Array.from({ length: 500 }, (_, i) => judge(i % 2 === 0 ? one : two, KEY)));
  const asked = identifications();
  t.ok(asked >= 1 && asked <= 2, `both at the same time: ${asked} lookups, at the most one a process`);
});

await tap.test(
  "10,000 random bad keys do not push good ones out, and cost the CMS what was configured",
  async (t) => {
    for (const key of [KEY, cms.keys.partnerB, cms.keys.partnerAC]) t.equal(await judge(one, key), "good");
    identifications();
    const begun = performance.now();
    const counts = { good: 0, refused: 0, unknown: 0 };
    for (let i = 0; i < 10_000; i += 50) {
      const batch = Array.from({ length: 50 }, (_, n) => judge(one, `bad-${i + n}-${Math.random()}`));
      for (const verdict of await Promise.all(batch)) counts[verdict] += 1;
      if (i % 1_000 === 0) t.equal(await judge(one, KEY), "good", "a good key meanwhile");
    }
    const seconds = (performance.now() - begun) / 1_000;
    const asked = identifications();
    t.equal(counts.good, 0);
    t.ok(counts.unknown > 0, "what is not looked up is not called wrong either: 503");
    t.ok(
      asked <= RATE * (seconds + 1) + 5,
      `${asked} lookups in ${seconds.toFixed(1)} s at ${RATE}/s and a bucket of ${RATE}`,
    );
    t.comment(
      `10,000 bad keys in ${seconds.toFixed(1)} s: ${asked} lookups, ${counts.refused} times 401, ${counts.unknown} times 503`,
    );
    for (const key of [KEY, cms.keys.partnerB, cms.keys.partnerAC]) t.equal(await judge(one, key), "good");
    t.equal(identifications(), 0, "the good ones are still remembered");
    await purge(one, { all: true });
    t.equal(
      await judge(one, KEY),
      "good",
      "and looked up at once after a purge, while strangers have to wait",
    );
  },
);

await tap.test("writes that change nobody's rights forget nothing", async (t) => {
  const admin = await administrator(one);
  await purge(one, { all: true });
  for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good");
  identifications();
  await admin.write("POST", "/api/pages", { tenant: 1, title: "new", slug: "new" });
  await admin.write("PATCH", "/api/pages/1", { title: "changed" });
  await admin.write("POST", "/api/payload-preferences/nav", { value: { open: true } });
  await administrator(two);
  for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good");
  t.equal(identifications(), 0);
});

await tap.test("the purge command, and what the admin port says without a token", async (t) => {
  const { ADMIN_TOKEN = "" } = sharing("");
  const at = ["--admin-url", one.adminUrl];
  t.equal(await judge(two, KEY), "good");
  await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
  const byKey = run(["--key", ...at], { ADMIN_TOKEN }, `${KEY}\n`);
  t.match(byKey, { status: 0, stdout: /"purged":"key","peers":1,"acknowledged":1,"complete":true/ });
  t.equal(await judge(two, KEY), "refused");
  await cms.reset();
  for (const what of [["--all"], ["--user", "2"], ["--tenant", "1"]])
    t.equal(run([...what, ...at], { ADMIN_TOKEN }).status, 0, what.join(" "));
  t.equal(await judge(two, KEY), "good");
  t.match(run(["--all", ...at], {}), { status: 2, stderr: /ADMIN_TOKEN: set it/ });
  t.match(run(["--all", ...at], { ADMIN_TOKEN: "wrong" }), { status: 1, stdout: /Unauthorized/ });
  t.match(run(["--all", "--admin-url", "http://127.0.0.1:1"], { ADMIN_TOKEN }), {
    status: 1,
    stderr: /cannot be reached/,
  });
  for (const args of [[], ["--all", "--key"], ["--everything"]])
    t.equal(run(args, {}).status, 2, args.join(" "));
  const bare = await startProgram(cms.url);
  t.teardown(() => bare.stop());
  t.match(await (await purge(bare, { all: true })).json(), { error: "Forbidden", message: /ADMIN_TOKEN/ });
});

await tap.test("without a secret facts are not shared, and invalidations are", async (t) => {
  const env = { REDIS_URL: redis.url };
  const apart = { redis: { prefix: "without-a-secret" } };
  const [first, second] = await Promise.all(
    [1, 2].map(() => startProgram(cms.url, { settings: apart, env })),
  );
  if (first === undefined || second === undefined) return;
  t.teardown(() => Promise.all([first.stop(), second.stop()]));
  for (const gateway of [first, second]) await untilRedis(gateway, "ok");
  t.match(first.lines(), [{ msg: /CACHE_SECRET is not set/ }]);
  for (const gateway of [first, second])
    t.equal(await statusOf(gateway, "/partners/2026-02/tenant-a/pages", KEY), 200);
  t.strictSame(await redis.admin.keys("{without-a-secret}*"), [], "nothing is stored");
  await (await administrator(first)).write("PATCH", USER, { enableAPIKey: false });
  t.equal(await judge(second, KEY), "refused");
  await cms.reset();
  await purge(one, { all: true });
});

await tap.test(
  "tenants are served stale for their grace where the CMS cannot be asked, keys never",
  async (t) => {
    let isDown = false;
    const front = createServer((request, response) => {
      const isTenants = request.url?.startsWith("/api/tenants") === true;
      if (isDown && (isTenants || request.url?.startsWith("/api/users/me") === true)) {
        response.writeHead(500).end("{}");
        return;
      }
      void forward(request, response);
    }).listen(0, "127.0.0.1");
    await once(front, "listening");
    const address = front.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const brief = { cache: { keyTtl: "10s", tenantTtl: "500ms", tenantGrace: "60s", jitter: 0 } };
    const gateway = await startProgram(`http://127.0.0.1:${port}`, { settings: brief });
    t.teardown(async () => {
      await gateway.stop();
      front.close();
      front.closeAllConnections();
    });
    const list = "/partners/2026-02/tenant-a/pages?limit=1";
    t.equal(await statusOf(gateway, list, KEY), 200);
    isDown = true;
    await pause(700);
    t.equal(await statusOf(gateway, list, KEY), 200, "the tenant is out of date, and good enough");
    while ((await statusOf(gateway, list, KEY)) === 200) await pause(200);
    t.equal(await statusOf(gateway, list, KEY), 503, "the key is out of date, and that is the end of it");
    await gateway.stop();
    const answers = gateway.lines().filter(({ msg }) => msg === "request");
    const stale = answers.find(({ tenantVia }) => tenantVia === "stale");
    t.match(stale, { status: 200, keyVia: "memory" });
    t.match(answers.at(-1), { status: 503, code: "key.unverifiable" });
  },
);
