import { AggregatorRegistry } from "prom-client";
import type { MetricsPage, Samples } from "./metrics.ts";

/** The metrics of several processes as one page; where only one of them can tell, the first does. */
export async function pageOf(all: readonly Samples[]): Promise<MetricsPage> {
  const registry = AggregatorRegistry.aggregate(all.map(asOfSeveral));
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/** The metrics of several processes as those of one. */
export function addUp(all: readonly Samples[]): Promise<Samples> {
  return AggregatorRegistry.aggregate(all.map(asOfSeveral)).getMetricsAsJSON();
}

/** What was counted, without the levels of the moment: what stays true when the process is no more. */
export function countsOf(samples: Samples): Samples {
  return samples.filter(({ type }) => ["counter", "histogram"].includes(String(type)));
}

/**
 * Node's own metrics as an operator wants them of several processes: the event loop of the busiest (prom-client takes
 * the mean, in which a stuck one is lost), the start of the whole (which it leaves out).
 */
function asOfSeveral(samples: Samples): Samples {
  return samples.map((metric) => {
    if (/_eventloop_lag_(?!min_)/.test(metric.name)) return { ...metric, aggregator: "max" };
    return metric.name.endsWith("_process_start_time_seconds") ? { ...metric, aggregator: "first" } : metric;
  });
}
