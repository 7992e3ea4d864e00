import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { CountedSeries } from "./counted-series.ts";

/** Every metric of the gateway. Tests compare this list with the registry and with `docs/operating.md`. */

const LATENCY = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PROPAGATION = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

export const COUNTERS = {
  gateway_reloads_total: { help: "Configuration reloads, by outcome.", labels: ["outcome"] },
  gateway_partner_requests_total: {
    help: "Partner requests answered.",
    labels: ["version", "tenant", "operation", "status"],
  },
  gateway_version_requests_total: {
    help: "Requests by version and by the key's user, sunset versions included.",
    labels: ["version", "state", "user"],
  },
  gateway_upstream_requests_total: {
    help: "Requests sent to the CMS for partner requests.",
    labels: ["operation"],
  },
  gateway_errors_total: { help: "Errors answered, by error code.", labels: ["code"] },
  gateway_fact_lookups_total: { help: "Lookups of keys and tenants, by source.", labels: ["fact", "via"] },
  gateway_native_requests_total: {
    help: "Native requests that ended, by the class of the status that the client received (none: it had disconnected).",
    labels: ["status"],
  },
  gateway_rate_total: {
    help: "Requests by the rate limit's outcome; uncounted ones passed.",
    labels: ["bucket", "outcome"],
  },
  gateway_isolation_total: {
    help: "Breaches: records outside the scope in answers to requests that were in scope, by the action taken.",
    labels: ["place", "action", "collection"],
  },
  gateway_withheld_values_total: {
    help: "Values that are not provably the tenant's, by the collection and path of their field. Not a breach.",
    labels: ["collection", "path", "action"],
  },
  gateway_observed_refusals_total: {
    help: "Native requests that passed and would be refused but for an observing setting.",
    labels: ["code", "prefix", "user"],
  },
} as const;

export const HISTOGRAMS = {
  gateway_partner_request_seconds: {
    help: "Time from a partner request's headers to its answer.",
    labels: ["operation"],
    buckets: LATENCY,
  },
  gateway_upstream_seconds: {
    help: "Time that a partner request waited for the CMS, over all its upstream requests.",
    labels: ["operation"],
    buckets: LATENCY,
  },
  gateway_revocation_seconds: {
    help: "Time from an administrator's write until no replica uses the cached data that it invalidated.",
    labels: ["outcome"],
    buckets: PROPAGATION,
  },
} as const;

/** The gauges. */
export const GAUGES = {
  gateway_target_state: {
    help: "State of a target of an upstream: 1 ok, 0.5 last request failed or none sent yet, 0 out of rotation.",
    labels: ["upstream", "target"],
  },
  gateway_target_requests: {
    help: "Partner requests in flight to a target.",
    labels: ["upstream", "target"],
  },
  gateway_part_state: { help: "State of a part: 1 ok, 0 not ok.", labels: ["part"] },
  gateway_breaker_open: {
    help: "1 while all targets of an upstream are down and get trial requests only.",
    labels: [],
  },
  gateway_load: {
    help: "Current load: partner requests in flight, those that hold a CMS connection, those that wait for one.",
    labels: ["of"],
  },
  gateway_load_limit: { help: "The limit of each kind of load.", labels: ["of"] },
  gateway_draining: { help: "1 from the first SIGTERM on.", labels: [] },
  gateway_build_info: {
    help: "Always 1; the labels are the versions of the gateway and of Node.",
    labels: ["version", "node"],
  },
} as const;

type Labels = Readonly<Record<string, string>>;

/** Adds to, observes or sets a metric of the list. Any other name does not compile. */
export interface Instruments {
  count(name: keyof typeof COUNTERS, labels: Labels, by?: number): void;
  observe(name: keyof typeof HISTOGRAMS, labels: Labels, value: number): void;
  set(name: keyof typeof GAUGES, labels: Labels, value: number): void;
  /** Passes the buffered counts to the registry. Call this before the registry is read. */
  settle(): void;
  /** Removes every value of a gauge, since its label values may no longer exist. */
  clear(name: keyof typeof GAUGES): void;
}

/** Registers the listed metrics. */
export function createInstruments(registry: Registry): Instruments {
  const registers = [registry];
  const counters = new Map<string, Counter>();
  for (const [name, { help, labels }] of Object.entries(COUNTERS)) {
    counters.set(name, new Counter({ name, help, labelNames: [...labels], registers }));
  }
  const histograms = new Map<string, Histogram>();
  for (const [name, { help, labels, buckets }] of Object.entries(HISTOGRAMS)) {
    histograms.set(
      name,
      new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
    );
  }
  const gauges = new Map<string, Gauge>();
  for (const [name, { help, labels }] of Object.entries(GAUGES)) {
    gauges.set(name, new Gauge({ name, help, labelNames: [...labels], registers }));
  }
  const counts = new Map(
    Object.entries(COUNTERS).map(([name, { labels }]) => [name, new CountedSeries(labels)]),
  );
  return {
    count: (name, labels, by = 1) => counts.get(name)?.add(labels, by),
    settle() {
      for (const [name, pending] of counts) {
        pending.drain((labels, by) => counters.get(name)?.inc(labels, by));
      }
    },
    observe: (name, labels, value) => histograms.get(name)?.observe(labels, value),
    set: (name, labels, value) => gauges.get(name)?.set(labels, value),
    clear: (name) => gauges.get(name)?.reset(),
  };
}
