/**
 * Attack: one tenant's requests are slow (a list that the CMS takes for ever over), and there are many, by several keys.
 * Amplifier: the connections to the CMS, and the queue for them, which all tenants share.
 * Defence: no tenant has more than its part of either; what is over it waits in its own part, the rest is 429 at once.
 */
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { carries, hangs, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import type { KeyName } from "../support/cms/keys.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const gateway = await startTestGateway(line.url, {
  // Or the flood, which asks for one and the same, would be a single request.
  partners: { collections: ["posts"], shareReads: false },
  upstream: { connections: 4, queue: 8, tenantShare: 0.5, firstByteTimeout: "60s", deadline: "60s" },
});
t.teardown(async () => {
  await gateway.stop();
  await line.close();
  await cms.close();
});

interface Ask {
  readonly tenant: "tenant-a" | "tenant-b";
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

t.test("a tenant's slow requests take no connection that another needs", async (t) => {
  for (const one of [A, ALSO_A, B]) t.equal((await ask(one)).status, 200);
  line.stage(hangs, /^(?:GET|PATCH) \/api\/posts[^]*\r\nx-basker-tenant-slug: tenant-a\r\n/);
  const before = line.asked.length;
  const leaving = new AbortController();
  const settled: number[] = [];
  const flood = Array.from({ length: 20 }, (_, i) => {
    const one = i % 2 === 0 ? A : ALSO_A;
    return ask({ ...one, signal: leaving.signal }).then(({ status }) => settled.push(status));
  });
  for (const one of flood) one.catch(() => undefined);
  await line.carried(before + 2);
  while (settled.length < 14) await new Promise((resolve) => void setTimeout(resolve, 5));
  t.strictSame(
    settled,
    Array.from({ length: 14 }, () => 429),
    "two are asked, four wait, whosever keys they come with; the others hear so at once",
  );
  t.equal(line.asked.length, before + 2);
  for (let i = 0; i < 10; i += 1) t.equal((await ask(B)).status, 200);
  const refused = await ask({ ...A, id: 1 });
  t.equal(refused.status, 429, "so does a write, of which the owner is asked first");
  t.equal(refused.headers.get("retry-after"), "1");
  t.match(await refused.json(), {
    error: "Too Many Requests",
    message: "Rate limit exceeded. Please retry later.",
  });
  t.match(gateway.lines().at(-1), { code: "tenant.busy", tenant: "tenant-a" });

  line.stage(carries);
  leaving.abort();
  await Promise.allSettled(flood);
  // The gateway hears of their leaving a moment later than they do.
  let statuses: number[] = [];
  for (let n = 0; n < 500 && !(statuses.length > 0 && statuses.every((status) => status === 200)); n += 1) {
    const again = await Promise.all([A, ALSO_A, A, ALSO_A, A, ALSO_A].map((one) => ask(one)));
    statuses = again.map(({ status }) => status);
  }
  t.strictSame(statuses, [200, 200, 200, 200, 200, 200], "given back by those who left");
});

t.test("a user who asks for ever new tenants has no tenant, and no more than a share either", async (t) => {
  line.stage(hangs, /^GET \/api\/tenants/);
  const before = line.asked.length;
  const leaving = new AbortController();
  const settled: number[] = [];
  const flood = Array.from({ length: 20 }, (_, i) =>
    fetch(`${gateway.url}/partners/2026-02/no-tenant-${i}/posts`, {
      headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
      signal: leaving.signal,
    }).then(({ status }) => settled.push(status)),
  );
  for (const one of flood) one.catch(() => undefined);
  await line.carried(before + 2);
  while (settled.length < 14) await new Promise((resolve) => void setTimeout(resolve, 5));
  t.strictSame(
    settled,
    Array.from({ length: 14 }, () => 503),
    "of a fact that others may wait for as well: it could not be asked for",
  );
  for (let i = 0; i < 10; i += 1) t.equal((await ask(B)).status, 200);
  leaving.abort();
  await Promise.allSettled(flood);
});
