import { Registry, collectDefaultMetrics } from "prom-client";
import type { Build, Load, CurrentState, TargetState } from "../core/status.ts";
import type { Events, RequestSample } from "./events.ts";
import { createInstruments, type Instruments } from "./instruments.ts";
import { closedSet, closedPairs } from "./labels.ts";

/** The metrics' event listener, and the page to scrape. */
export interface Metrics extends Events {
  /** Returns the text that Prometheus scrapes, including the current state. */
  page(standing: Omit<CurrentState, "endings">): Promise<MetricsPage>;
}

/** The answer to a Prometheus scrape. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

/**
 * The number of tenants, and of observed users, with a label of their own. Every later one counts as `other`.
 */
const TENANT_LABELS = 50;
/** The number of users with a label of their own in the requests by version. */
const CALLER_LABELS = 100;

/**
 * The number of collections with a label of their own for withheld values, and of paths in each. A partner's
 * own JSON can hold any path.
 */
const FIELD_LABELS = { collections: 60, paths: 20 } as const;

/**
 * Creates the metrics in a registry of their own. Labels come from closed sets (operations, versions, codes),
 * never from a raw path.
 */
export function createMetrics(build: Build): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "gateway_" });
  const instruments = createInstruments(registry);
  const tenantLabel = closedSet(TENANT_LABELS);
  const userLabel = closedSet(TENANT_LABELS);
  const callerLabel = closedSet(CALLER_LABELS);
  const fieldLabels = closedPairs(FIELD_LABELS.collections, FIELD_LABELS.paths);
  instruments.set("gateway_build_info", { ...build }, 1);
  /** True if the last request for the rate limit was counted; `undefined` if none had to be counted. */
  let rateCounts: boolean | undefined;
  const settle = (standing: Omit<CurrentState, "endings">): void => {
    instruments.settle();
    setStanding(instruments, standing);
    if (rateCounts !== undefined) instruments.set("gateway_part_state", { part: "rate" }, Number(rateCounts));
  };
  return {
    request(sample) {
      countRequest(instruments, sample, tenantLabel);
      countVersion(instruments, sample, callerLabel);
    },
    refused: ({ error }) => instruments.count("gateway_errors_total", { code: error.code }),
    native: (status) => instruments.count("gateway_native_requests_total", { status: classOf(status) }),
    counted(bucket, outcome) {
      instruments.count("gateway_rate_total", { bucket, outcome });
      rateCounts = outcome !== "uncounted";
    },
    isolation: ({ place, action, collection, count }) =>
      instruments.count("gateway_isolation_total", { place, action, collection }, count),
    unreadable: () => undefined,
    withheld({ action, count, ...field }) {
      const [collection, path] = fieldLabels(field.collection, field.path);
      instruments.count("gateway_withheld_values_total", { collection, path, action }, count);
    },
    observed: ({ code, prefix, userId }) => {
      const user = userId === undefined ? "unknown" : userLabel(String(userId));
      instruments.count("gateway_observed_refusals_total", { code, prefix, user });
    },
    invalidation: (outcome, seconds) =>
      instruments.observe("gateway_revocation_seconds", { outcome }, seconds),
    lookupRefused: () => instruments.count("gateway_fact_lookups_total", { fact: "key", via: "refused" }),
    reloaded(outcome) {
      instruments.count("gateway_reloads_total", { outcome });
      // The new configuration may count no requests: the next one that is counted sets the state again.
      if (outcome === "applied") rateCounts = undefined;
    },
    async page(standing) {
      settle(standing);
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

function countRequest(
  instruments: Instruments,
  { status, ms, note }: RequestSample,
  tenantLabel: (name: string) => string,
): void {
  const { operation = "none", version = "none", keyVia, tenantVia, code } = note;
  const tenant = note.tenant === undefined ? "none" : tenantLabel(note.tenant);
  const labels = { version, tenant, operation, status: String(status) };
  instruments.count("gateway_partner_requests_total", labels);
  instruments.observe("gateway_partner_request_seconds", { operation }, ms / 1_000);
  if (note.upstreamRequests > 0) {
    instruments.observe("gateway_upstream_seconds", { operation }, note.upstreamMs / 1_000);
    instruments.count("gateway_upstream_requests_total", { operation }, note.upstreamRequests);
  }
  if (keyVia !== undefined) instruments.count("gateway_fact_lookups_total", { fact: "key", via: keyVia });
  if (tenantVia !== undefined)
    instruments.count("gateway_fact_lookups_total", { fact: "tenant", via: tenantVia });
  if (code !== undefined) instruments.count("gateway_errors_total", { code });
}

function countVersion(
  instruments: Instruments,
  { note: { version, versionState: state, userId } }: RequestSample,
  callerLabel: (name: string) => string,
): void {
  if (version === undefined || state === undefined || userId === undefined) return;
  instruments.count("gateway_version_requests_total", { version, state, user: callerLabel(String(userId)) });
}

function setStanding(
  instruments: Instruments,
  { health, load, targets }: Omit<CurrentState, "endings">,
): void {
  setLoad(instruments, load);
  setTargets(instruments, targets);
  instruments.clear("gateway_part_state");
  instruments.set("gateway_draining", {}, Number(health.draining));
  for (const [part, state] of Object.entries(health.parts))
    instruments.set("gateway_part_state", { part }, Number(state === "ok"));
}

function setLoad(instruments: Instruments, { inFlight, connections, waiting, breakerOpen }: Load): void {
  instruments.set("gateway_breaker_open", {}, Number(breakerOpen));
  const levels = { requests: inFlight, upstream_connections: connections, upstream_waiting: waiting };
  for (const [of, { now, most }] of Object.entries(levels)) {
    instruments.set("gateway_load", { of }, now);
    instruments.set("gateway_load_limit", { of }, most);
  }
}

/** Sets the current targets only: a reload may have replaced the earlier ones. */
function setTargets(instruments: Instruments, targets: readonly TargetState[]): void {
  instruments.clear("gateway_target_state");
  instruments.clear("gateway_target_requests");
  for (const { upstream, target, state, requests } of targets) {
    const value = state === "ok" ? 1 : state === "down" ? 0 : 0.5;
    instruments.set("gateway_target_state", { upstream, target }, value);
    instruments.set("gateway_target_requests", { upstream, target }, requests);
  }
}

function classOf(status: number): string {
  return status === 0 ? "none" : `${Math.floor(status / 100)}xx`;
}
