import t from "tap";
import { GatewayError } from "../../../src/core/errors.ts";
import type { AccessLogFields } from "../../../src/core/access-log.ts";
import type { CurrentState } from "../../../src/core/status.ts";
import { Latency } from "../../../src/observe/latency.ts";
import { snapshotOf } from "../../../src/observe/snapshot.ts";
import { createStatus } from "../../../src/observe/status.ts";
import { Counters } from "../../../src/observe/counters.ts";
import { Window } from "../../../src/observe/window.ts";

let now = 0;
const clock = { now: () => now, after: () => () => undefined };
const build = { version: "1.0.0", node: "v24.0.0" };
const level = { now: 0, most: 10 };
const STANDING: CurrentState = {
  health: { ready: true, draining: false, parts: { cms: "ok" } },
  load: { inFlight: level, connections: level, waiting: level, breakerOpen: false },
  targets: [],
  endings: { "2025-07": { deprecation: "2026-02-01", sunset: "2026-08-01" } },
};

t.beforeEach(() => {
  now = 1_000_000;
});

function sampleOf(status: number, note: Partial<AccessLogFields>, ms = 10) {
  const whole = { stage: "answer", upstreamRequests: 0, upstreamMs: 0, ...note };
  return { requestId: "r", method: "GET", status, ms, note: whole };
}

t.test("a window drops data older than its slots and keeps an empty slot for a pause", async (t) => {
  const window = new Window({ slots: 3, slot: 1_000, clock, empty: () => ({ n: 0 }) });
  window.now.n = 1;
  now += 2_000;
  window.now.n = 3;
  t.strictSame(
    window.all().map(({ n }) => n),
    [1, 0, 3],
  );
  now += 1_000;
  t.strictSame(
    window.all().map(({ n }) => n),
    [0, 3, 0],
  );
  now += 3_600_000;
  t.strictSame(
    window.all().map(({ n }) => n),
    [0, 0, 0],
  );
});

t.test("percentiles are accurate to within 25%", async (t) => {
  const latency = new Latency();
  t.equal(latency.percentile(0.5), null);
  for (let ms = 1; ms <= 1_000; ms += 1) latency.add(ms);
  for (const [share, right] of [
    [0.5, 500],
    [0.95, 950],
    [0.99, 990],
  ] as const) {
    const got = latency.percentile(share) ?? 0;
    t.ok(got > right / 1.25 && got < right * 1.25, `${share}: ${got} for ${right}`);
  }
  const slow = new Latency();
  slow.add(10_000_000);
  t.ok((slow.percentile(0.5) ?? 0) > 50_000, "a duration beyond the last bucket counts in the last");
});

t.test("counts names beyond the limit as `other` until a name has been idle for 15 minutes", async (t) => {
  const tally = new Counters(3, clock);
  for (const name of ["a", "b", "b", "c", "d", "e"]) tally.add(name, "answered");
  const names = tally.rows().map(({ name, answered }) => `${name} ${answered}`);
  t.strictSame(names, ["b 2", "a 1", "c 1", "other 2"]);
  now += 16 * 60_000;
  tally.add("new", "failed");
  t.strictSame(tally.rows(), [{ name: "new", answered: 0, refused: 0, failed: 1 }]);
});

t.test("bounds the state for ten thousand tenants, users and refusals", async (t) => {
  const status = createStatus({ clock, wallTime: () => now, build });
  for (let i = 0; i < 10_000; i += 1) {
    const note = { userId: i, version: "2025-07", tenant: `t${i}`, clientRequestId: `c${i}` };
    status.request?.(sampleOf(404, { ...note, code: "document.unknown", cause: "x".repeat(100_000) }));
  }
  const snapshot = snapshotOf(status.heard(), STANDING);
  t.equal(snapshot.tenants.length, 31, "thirty names and `other`");
  t.equal(snapshot.uses.length, 50);
  t.equal(snapshot.refusals.length, 40);
  t.ok(JSON.stringify(snapshot).length < 50_000, `${JSON.stringify(snapshot).length} bytes`);
});

t.test("a loop of client errors does not evict a failure", async (t) => {
  const status = createStatus({ clock, wallTime: () => now, build });
  const cause = new Error("connect ECONNREFUSED", { cause: new Error("Bearer abcdef") });
  status.request?.(sampleOf(502, { code: "upstream.unreachable", cause }));
  for (let i = 0; i < 500; i += 1)
    status.refused?.({
      requestId: "x",
      method: "GET",
      stage: "native",
      error: new GatewayError("key.rejected"),
    });
  const failure = snapshotOf(status.heard(), STANDING).refusals.find(({ status: code }) => code === 502);
  t.equal(failure?.reason, "connect ECONNREFUSED: Bearer [secret]", "with its reason, scrubbed");
});

t.test("counts a request by slot, tenant, version, tier and user", async (t) => {
  const status = createStatus({ clock, wallTime: () => now, build });
  const known = {
    userId: 7,
    version: "2025-07",
    tenant: "acme",
    keyVia: "memory",
    tenantVia: "redis",
  } as const;
  status.request?.(sampleOf(200, known, 42));
  status.request?.(sampleOf(503, known));
  status.native?.(502);
  const { series, tenants, versions, tiers, uses } = snapshotOf(status.heard(), STANDING);
  t.equal(series.answered.length, 180);
  t.strictSame(
    [series.answered.at(-1), series.failed.at(-1), series.native.at(-1), series.nativeFailed.at(-1)],
    [1, 1, 1, 1],
  );
  t.strictSame(tenants, [{ name: "acme", answered: 1, refused: 0, failed: 1 }]);
  t.strictSame(versions, [{ name: "2025-07", answered: 1, refused: 0, failed: 1 }]);
  t.strictSame(
    tiers.filter(({ count }) => count > 0),
    [
      { fact: "keys", via: "memory", count: 2 },
      { fact: "tenants", via: "redis", count: 2 },
    ],
  );
  t.match(uses, [{ userId: "7", version: "2025-07", requests: 2, sunset: "2026-08-01" }]);
});
