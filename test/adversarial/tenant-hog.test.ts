/**
 * Attack: one tenant sends many slow requests (such as a list that takes the CMS forever) with several keys.
 * Or one user does so for several tenants.
 * Amplifier: the connection pool to the CMS and its queue, which all tenants share.
 * Defence: no tenant and no user has more than its share of either. A request over the share waits in the
 * share's own queue; if that is full, it gets 429 at once.
 */
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { startFaultyLine } from "../support/faults.ts";
import type { KeyName } from "../support/cms/keys.ts";
import { samplesOf } from "../support/scrape.ts";
import { startStillGateway } from "../support/still-gateway.ts";
import { until } from "../support/until.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const gateway = await startStillGateway(line.url, {
  // Otherwise the flood of equal requests would share one request to the CMS.
  partners: { collections: ["posts"], shareReads: false },
  upstream: { connections: 4, queue: 8, tenantShare: 0.5 },
});
t.teardown(async () => {
  await gateway.stop();
  await line.close();
  await cms.close();
});

interface Ask {
  readonly tenant: "tenant-a" | "tenant-b" | "tenant-c";
  readonly key: KeyName;
  readonly signal?: AbortSignal;
  readonly id?: number;
}

function ask({ tenant, key, id, signal }: Ask): Promise<Response> {
  const path = `${gateway.url}/partners/2026-02/${tenant}/posts${id === undefined ? "?limit=1" : `/${id}`}`;
  const headers = { authorization: `users API-Key ${cms.keys[key]}`, "content-type": "application/json" };
  const write = id === undefined ? {} : { method: "PATCH", body: '{"text":"x"}' };
  return fetch(path, { headers, ...write, ...(signal !== undefined && { signal }) });
}

const A = { tenant: "tenant-a", key: "partnerA" } as const;
const ALSO_A = { tenant: "tenant-a", key: "partnerAC" } as const;
const B = { tenant: "tenant-b", key: "partnerB" } as const;

/** Never answers matching requests. Returns a function that counts them. */
function hangAt(t: Test, only: RegExp): () => number {
  let count = 0;
  line.stage(() => (count += 1), only);
  t.teardown(() => line.heal());
  return () => count;
}

/** Resolves when no request holds a connection to the CMS or waits for one. */
async function untilIdle(): Promise<void> {
  await until("all connections to be released", async () => {
    const load = await samplesOf(gateway, "gateway_load");
    return load["of=upstream_connections"] === 0 && load["of=upstream_waiting"] === 0;
  });
}

t.test("a tenant's slow requests leave the connections of other tenants free", async (t) => {
  for (const one of [A, ALSO_A, B]) t.equal((await ask(one)).status, 200);
  const hanging = hangAt(t, /^(?:GET|PATCH) \/api\/posts[^]*\r\nx-basker-tenant-slug: tenant-a\r\n/);
  const leaving = new AbortController();
  const settled: number[] = [];
  const flood = Array.from({ length: 20 }, (_, i) => {
    const one = i % 2 === 0 ? A : ALSO_A;
    return ask({ ...one, signal: leaving.signal }).then(({ status }) => settled.push(status));
  });
  for (const one of flood) one.catch(() => undefined);
  await until("two requests at the CMS and 14 refusals", () => hanging() >= 2 && settled.length >= 14);
  for (let i = 0; i < 10; i += 1) t.equal((await ask(B)).status, 200);
  const refused = await ask({ ...A, id: 1 });
  t.equal(refused.status, 429, "a write is rejected as well, at its ownership check");
  t.equal(refused.headers.get("retry-after"), "1");
  t.match(await refused.json(), {
    error: "Too Many Requests",
    message: "Rate limit exceeded. Please retry later.",
  });
  t.match(gateway.lines().at(-1), { code: "tenant.busy", tenant: "tenant-a" });
  t.strictSame(
    settled,
    Array.from({ length: 14 }, () => 429),
    "two are sent and four wait, whichever keys they use; the others are rejected at once",
  );
  t.equal(hanging(), 2);

  await line.heal();
  leaving.abort();
  await Promise.allSettled(flood);
  await untilIdle();
  const again = await Promise.all([A, ALSO_A, A, ALSO_A, A, ALSO_A].map((one) => ask(one)));
  const statuses = again.map(({ status }) => status);
  t.strictSame(
    statuses,
    [200, 200, 200, 200, 200, 200],
    "the clients that disconnected released their slots",
  );
});

t.test("a user of two tenants gets one share for both together", async (t) => {
  const C = { tenant: "tenant-c", key: "partnerAC" } as const;
  for (const one of [ALSO_A, C, B]) t.equal((await ask(one)).status, 200);
  const hanging = hangAt(t, /^GET \/api\/posts[^]*\r\nx-basker-tenant-slug: tenant-[ac]\r\n/);
  const leaving = new AbortController();
  t.teardown(() => leaving.abort());
  const settled: number[] = [];
  const flood = Array.from({ length: 20 }, (_, i) =>
    ask({ ...(i % 2 === 0 ? ALSO_A : C), signal: leaving.signal }).then(({ status }) => settled.push(status)),
  );
  for (const one of flood) one.catch(() => undefined);
  await until("every request to be sent, to wait or to be rejected", async () => {
    const waiting = (await samplesOf(gateway, "gateway_load"))["of=upstream_waiting"] ?? 0;
    return hanging() + waiting + settled.length === flood.length;
  });
  // If the user had every connection, the others would wait for one until the test ends.
  if (!t.equal(hanging(), 2, "half of the connections")) return;
  for (let i = 0; i < 10; i += 1) t.equal((await ask(B)).status, 200);
  t.strictSame(
    settled,
    Array.from({ length: 14 }, () => 429),
    "four wait, the others are rejected at once",
  );
  leaving.abort();
  await Promise.allSettled(flood);
  await line.heal();
  await untilIdle();
});

t.test("a user who requests ever new tenants gets no more than one share of the lookups", async (t) => {
  const hanging = hangAt(t, /^GET \/api\/tenants/);
  const leaving = new AbortController();
  const settled: number[] = [];
  const flood = Array.from({ length: 20 }, (_, i) =>
    fetch(`${gateway.url}/partners/2026-02/no-tenant-${i}/posts`, {
      headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
      signal: leaving.signal,
    }).then(({ status }) => settled.push(status)),
  );
  for (const one of flood) one.catch(() => undefined);
  await until("two lookups at the CMS and 14 refusals", () => hanging() >= 2 && settled.length >= 14);
  for (let i = 0; i < 10; i += 1) t.equal((await ask(B)).status, 200);
  t.strictSame(
    settled,
    Array.from({ length: 14 }, () => 503),
    "503, because a tenant lookup can be shared with other requests",
  );
  t.equal(hanging(), 2);
  leaving.abort();
  await Promise.allSettled(flood);
});
