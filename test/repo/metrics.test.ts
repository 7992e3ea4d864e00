import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { COUNTERS, GAUGES, HISTOGRAMS } from "../../src/observe/instruments.ts";
import { createMetrics } from "../../src/observe/metrics.ts";

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

t.test("a request is counted under labels from closed sets", async (t) => {
  const metrics = createMetrics();
  for (let i = 0; i < 60; i++) {
    const note = {
      stage: "answer",
      upstreamRequests: 1,
      upstreamMs: 5,
      tenant: `t${i}`,
      operation: "list",
      version: "2026-02",
    };
    metrics.request({ status: 200, ms: 7, note });
  }
  const { body } = await metrics.page();
  t.match(
    body,
    'gateway_partner_requests_total{version="2026-02",tenant="t0",operation="list",status="200"} 1',
  );
  t.match(body, 'tenant="other",operation="list",status="200"} 10');
  t.notMatch(body, 'tenant="t50"');
});
