import tap, { type Test } from "tap";

import { startCms } from "../support/cms/server.ts";
import { answerOf, carries, startFaultyLine } from "../support/faults.ts";
import { judge, KEY, purge, statusOf, TOKEN } from "../support/revocation.ts";
import { startStillGateway } from "../support/still-gateway.ts";

// The lookups that keys and tenants cost, and how long a result is cached. The tests move the clock.
tap.setTimeout(900_000);
const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
tap.teardown(async () => {
  await line.close();
  await cms.close();
});
const RATE = 40;
const BATCH = 50;

/** Starts a gateway on a manual clock, which stops after the test. */
async function start(t: Test, settings: Record<string, unknown>) {
  const gateway = await startStillGateway(line.url, settings, { env: { ADMIN_TOKEN: TOKEN } });
  t.teardown(() => gateway.stop());
  return gateway;
}

/** The number of key lookups that the CMS received. */
function identifications(): number {
  return line.asked.filter((request) => request.startsWith("GET /api/users/me")).length;
}

tap.test("unknown keys cost at most the configured lookups, and good keys are still served", async (t) => {
  const settings = { cache: { lookupsPerSecond: RATE, keyTtl: "10m", absent: 10, keys: 10 } };
  const gateway = await start(t, settings);
  /** Sends unknown keys, each once. Resolves with the number of each verdict. */
  const flood = async (requests: number, name: string) => {
    const counts = { good: 0, refused: 0, unknown: 0 };
    for (let i = 0; i < requests; i += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, n) => judge(gateway, `${name}-${i + n}`));
      for (const verdict of await Promise.all(batch)) counts[verdict] += 1;
      t.equal(await judge(gateway, KEY), "good");
    }
    return counts;
  };
  const good = [KEY, cms.keys.partnerB, cms.keys.partnerAC];
  for (const key of good) t.equal(await judge(gateway, key), "good");
  const before = identifications();
  const left = RATE - good.length;
  t.strictSame(
    await flood(500, "first"),
    { good: 0, refused: left, unknown: 500 - left },
    "503, and not 401",
  );
  t.equal(identifications(), before + left, "the bucket is empty");
  gateway.clock.move(500);
  t.strictSame(await flood(200, "second"), { good: 0, refused: RATE / 2, unknown: 200 - RATE / 2 });
  gateway.clock.move(60_000);
  t.strictSame(
    await flood(200, "third"),
    { good: 0, refused: RATE, unknown: 200 - RATE },
    "at most one bucket of lookups",
  );
  const asked = identifications();
  t.equal(asked, before + left + RATE / 2 + RATE);
  for (const key of good) t.equal(await judge(gateway, key), "good");
  t.equal(identifications(), asked, "the good keys are still cached");
  t.equal((await purge(gateway, { all: true })).status, 200);
  t.equal(await judge(gateway, KEY), "good", "a key that was good is looked up at once after a purge");
  t.equal(identifications(), asked + 1);
  t.equal(await judge(gateway, "a-late-unknown-key"), "unknown");
});

tap.test("if lookups fail, a tenant is served stale within its grace and a key never", async (t) => {
  const list = "/partners/2026-02/tenant-a/pages?limit=1";
  const cache = { keyTtl: "10s", tenantTtl: "500ms", tenantGrace: "60s", jitter: 0 };
  const gateway = await start(t, { cache });
  const last = () => gateway.lines().findLast(({ msg }) => msg === "request");
  t.equal(await statusOf(gateway, list, KEY), 200);
  line.stage(
    ({ gateway: socket }) => void socket.write(answerOf("500 Internal Server Error", "{}")),
    /^GET \/api\/(tenants|users\/me)/,
  );
  t.teardown(() => line.stage(carries));
  gateway.clock.move(499);
  t.equal(await statusOf(gateway, list, KEY), 200);
  t.match(last(), { tenantVia: "memory", keyVia: "memory" });
  gateway.clock.move(1);
  t.equal(await statusOf(gateway, list, KEY), 200, "the tenant is stale and still served");
  t.match(last(), { status: 200, tenantVia: "stale", keyVia: "memory" });
  gateway.clock.move(9_499);
  t.equal(await statusOf(gateway, list, KEY), 200);
  gateway.clock.move(1);
  t.equal(await statusOf(gateway, list, KEY), 503, "the key has expired and is not served");
  t.match(last(), { status: 503, code: "key.unverifiable" });
});

tap.test("a tenant is not served beyond its grace", async (t) => {
  const list = "/partners/2026-02/tenant-a/pages?limit=1";
  const cache = { keyTtl: "10m", tenantTtl: "500ms", tenantGrace: "60s", jitter: 0 };
  const gateway = await start(t, { cache });
  t.equal(await statusOf(gateway, list, KEY), 200);
  line.stage(
    ({ gateway: socket }) => void socket.write(answerOf("500 Internal Server Error", "{}")),
    /^GET \/api\/tenants/,
  );
  t.teardown(() => line.stage(carries));
  gateway.clock.move(60_499);
  t.equal(await statusOf(gateway, list, KEY), 200);
  gateway.clock.move(1);
  t.equal(await statusOf(gateway, list, KEY), 503);
});
