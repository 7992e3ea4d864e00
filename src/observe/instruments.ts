import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { CountedSeries } from "./counted-series.ts";

/** Every metric of the gateway: the one list that the registry and `docs/operating.md` are held to. */

const LATENCY = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PROPAGATION = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

export const COUNTERS = {
  gateway_reloads_total: { help: "Configurations read again, by what became of them.", labels: ["outcome"] },
  gateway_partner_requests_total: {
    help: "Partner requests answered.",
    labels: ["version", "tenant", "operation", "status"],
  },
  gateway_version_requests_total: {
    help: "Who still calls which version: requests by the key's user, sunset versions included.",
    labels: ["version", "state", "user"],
  },
  gateway_upstream_requests_total: {
    help: "Requests to the CMS made for partner requests.",
    labels: ["operation"],
  },
  gateway_errors_total: { help: "Errors answered, by code of the catalogue.", labels: ["code"] },
  gateway_fact_lookups_total: { help: "How keys and tenants were found.", labels: ["fact", "via"] },
  gateway_native_requests_total: {
    help: "Native requests that are over, by the class of the status that the client got (none: it had left).",
    labels: ["status"],
  },
  gateway_rate_total: {
    help: "Requests by how counting them for the rate limit went; uncounted ones passed.",
    labels: ["bucket", "outcome"],
  },
  gateway_isolation_total: {
    help: "Breaches: records outside the scope in answers that the CMS was asked for in scope, and what was done about them.",
    labels: ["place", "action", "collection"],
  },
  gateway_withheld_values_total: {
    help: "Values that do not prove to be the tenant's, by the collection and path of their field. No breach.",
    labels: ["collection", "path", "action"],
  },
  gateway_observed_refusals_total: {
    help: "Native requests let through that would be refused but for an observing setting.",
    labels: ["code", "prefix", "user"],
  },
} as const;

export const HISTOGRAMS = {
  gateway_partner_request_seconds: {
    help: "From a partner request's headers to its answer.",
    labels: ["operation"],
    buckets: LATENCY,
  },
  gateway_upstream_seconds: {
    help: "Time that a partner request waited for the CMS, all its questions together.",
    labels: ["operation"],
    buckets: LATENCY,
  },
  gateway_revocation_seconds: {
    help: "From an administrator's write to the moment in which no replica uses what it withdrew.",
    labels: ["outcome"],
    buckets: PROPAGATION,
  },
} as const;

export const GAUGES = {
  gateway_target_state: {
    help: "A target of an upstream: 1 ok, 0.5 last asked in vain or not asked yet, 0 taken out.",
    labels: ["upstream", "target"],
  },
  gateway_target_requests: {
    help: "Partner requests under way to a target.",
    labels: ["upstream", "target"],
  },
  gateway_part_state: { help: "State of a part: 1 ok, 0 not.", labels: ["part"] },
  gateway_breaker_open: {
    help: "1 while the CMS is taken for dead and asked once in a while only.",
    labels: [],
  },
  gateway_load: {
    help: "What is under way: partner requests, those that hold a CMS connection, those that wait for one.",
    labels: ["of"],
  },
  gateway_load_limit: { help: "The most that each of these may reach.", labels: ["of"] },
  gateway_draining: { help: "1 from the moment of SIGTERM.", labels: [] },
  gateway_build_info: {
    help: "Always 1; its labels say what runs.",
    labels: ["version", "node"],
  },
} as const;

type Labels = Readonly<Record<string, string>>;

/** Adds to, observes or sets a metric of the list; any other name does not compile. */
export interface Instruments {
  count(name: keyof typeof COUNTERS, labels: Labels, by?: number): void;
  observe(name: keyof typeof HISTOGRAMS, labels: Labels, value: number): void;
  set(name: keyof typeof GAUGES, labels: Labels, value: number): void;
  /** Hands on what was counted: to be called before the registry is read. */
  settle(): void;
  /** Forgets every value of a gauge: what it was set for may be no more. */
  clear(name: keyof typeof GAUGES): void;
}

/** The listed metrics, registered. */
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
