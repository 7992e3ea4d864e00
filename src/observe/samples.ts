import { AggregatorRegistry } from "prom-client";
import type { MetricsPage, Samples } from "./metrics.ts";

/**
 * Merges the metrics of several processes into one page. A metric that cannot be added is taken from the
 * first process.
 */
export async function pageOf(all: readonly Samples[]): Promise<MetricsPage> {
  const registry = AggregatorRegistry.aggregate(all.map(asOfSeveral));
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/** Merges the metrics of several processes into one list. */
export function addUp(all: readonly Samples[]): Promise<Samples> {
  return AggregatorRegistry.aggregate(all.map(asOfSeveral)).getMetricsAsJSON();
}

/** Returns counters and histograms without gauges: they stay valid after the process has ended. */
export function countsOf(samples: Samples): Samples {
  return samples.filter(({ type }) => ["counter", "histogram"].includes(String(type)));
}

/**
 * Changes how Node's own metrics of several processes are combined. The event loop lag is the maximum, since
 * prom-client's mean hides one stuck process. The start time is the first process's, since prom-client omits
 * it.
 */
function asOfSeveral(samples: Samples): Samples {
  return samples.map((metric) => {
    if (/_eventloop_lag_(?!min_)/.test(metric.name)) return { ...metric, aggregator: "max" };
    return metric.name.endsWith("_process_start_time_seconds") ? { ...metric, aggregator: "first" } : metric;
  });
}
