import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { COUNTERS, GAUGES, HISTOGRAMS } from "../../src/observe/instruments.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { STANDING } from "../support/standing.ts";

t.test("docs/operating.md lists exactly the metrics that exist, with their labels and meaning", async (t) => {
  const docs = readFileSync(join(import.meta.dirname, "../../docs/operating.md"), "utf8");
  const rows = [...docs.matchAll(/^\| `(gateway_\w+)` \| ([^|]*) \| ([^|]*) \|/gm)];
  const listed = rows.map(([, name, labels, help]) => `${name}: ${labels}: ${help}`);
  const known = Object.entries({ ...COUNTERS, ...HISTOGRAMS, ...GAUGES });
  t.strictSame(
    listed.toSorted(),
    known.map(([name, { labels, help }]) => `${name}: ${labels.join(", ")}: ${help}`).toSorted(),
  );
});

t.test("gauges are read at each scrape", async (t) => {
  const { body } = await createMetrics({ version: "1.2.3", node: "v24.0.0" }).page(STANDING);
  for (const line of [
    'gateway_part_state{part="cms"} 1',
    'gateway_part_state{part="redis"} 0',
    "gateway_breaker_open 1",
    "gateway_draining 0",
    'gateway_load{of="requests"} 3',
    'gateway_load{of="upstream_connections"} 2',
    'gateway_load_limit{of="upstream_waiting"} 256',
    'gateway_build_info{version="1.2.3",node="v24.0.0"} 1',
  ])
    t.match(body, `\n${line}\n`);
  t.match(
    body,
    /\ngateway_nodejs_eventloop_lag_p99_seconds /,
    "Node's own metrics, including the event loop lag",
  );
});

t.test("a request is counted under labels from closed sets", async (t) => {
  const metrics = createMetrics({ version: "1.2.3", node: "v24.0.0" });
  for (let i = 0; i < 120; i++) {
    const note = {
      stage: "answer",
      upstreamRequests: 1,
      upstreamMs: 5,
      tenant: `t${i}`,
      operation: "list",
      version: "2026-02",
      versionState: "deprecated" as const,
      userId: i,
    };
    metrics.request({ requestId: "r", method: "GET", status: 200, ms: 7, note });
  }
  const seen = { requestId: "r", code: "native.keyed", reason: "", tenants: [], method: "GET" } as const;
  for (let userId = 0; userId < 60; userId++)
    metrics.observed({ ...seen, userId, prefix: "/api", collection: undefined });
  const values = { requestId: "r", kind: "relation", action: "withheld", count: 2 } as const;
  for (let n = 0; n < 30; n++) metrics.withheld({ ...values, collection: "events", path: `made.up${n}` });
  metrics.withheld({ ...values, collection: "posts", path: "venue" });
  const { body } = await metrics.page(STANDING);
  const counted = "gateway_withheld_values_total{collection=";
  t.match(body, `${counted}"events",path="made.up19",action="withheld"} 2`);
  t.match(body, `${counted}"events",path="other",action="withheld"} 20`, "a collection's own limit");
  t.match(
    body,
    `${counted}"posts",path="venue",action="withheld"} 2`,
    "another collection is counted separately",
  );
  t.match(body, 'gateway_observed_refusals_total{code="native.keyed",prefix="/api",user="other"} 10');
  t.match(
    body,
    'gateway_partner_requests_total{version="2026-02",tenant="t0",operation="list",status="200"} 1',
  );
  t.match(body, 'tenant="other",operation="list",status="200"} 70');
  t.match(body, 'gateway_version_requests_total{version="2026-02",state="deprecated",user="other"} 20');
  t.notMatch(body, 'tenant="t50"');
});
