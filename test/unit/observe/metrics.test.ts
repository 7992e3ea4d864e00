import t from "tap";
import type { CurrentState } from "../../../src/core/status.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";

const level = { now: 0, most: 10 };
const STANDING: CurrentState = {
  health: { ready: true, draining: false, parts: { cms: "ok" } },
  load: { inFlight: level, connections: level, waiting: level, breakerOpen: false },
  targets: [],
  endings: {},
};

t.test("removes the rate part from the metrics after a reload that disables rate limits", async (t) => {
  const metrics = createMetrics({ version: "1.0.0", node: "v24.0.0" });
  const page = async () => (await metrics.page(STANDING)).body;
  metrics.counted("reads", "uncounted");
  t.match(await page(), /gateway_part_state\{part="rate"\} 0/);
  metrics.reloaded("refused");
  t.match(await page(), /gateway_part_state\{part="rate"\} 0/, "the old configuration remains");
  metrics.reloaded("applied");
  t.notMatch(await page(), /part="rate"/);
  metrics.counted("reads", "passed");
  t.match(await page(), /gateway_part_state\{part="rate"\} 1/);
});

t.test("counts a refused lookup as one error of its request and as one refused lookup", async (t) => {
  const metrics = createMetrics({ version: "1.0.0", node: "v24.0.0" });
  const note = { stage: "authenticate", upstreamRequests: 0, upstreamMs: 0 };
  metrics.lookupRefused();
  metrics.request({
    requestId: "r",
    method: "GET",
    status: 503,
    ms: 1,
    note: { ...note, code: "key.unverifiable" },
  });
  const { body } = await metrics.page(STANDING);
  t.match(body, '\ngateway_errors_total{code="key.unverifiable"} 1\n');
  t.match(body, '\ngateway_fact_lookups_total{fact="key",via="refused"} 1\n');
});
