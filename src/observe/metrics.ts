import { Registry, collectDefaultMetrics } from "prom-client";
import type { ErrorCode } from "../core/errors.ts";
import type { Note } from "../core/note.ts";
import { createInstruments } from "./instruments.ts";

/** A finished partner request, as the metrics see it. Milliseconds. */
export interface RequestSample {
  readonly status: number;
  readonly ms: number;
  readonly note: Note;
}

/** What to call when something happened, and the page to scrape. */
export interface Metrics {
  /** A partner request has been answered. */
  request(sample: RequestSample): void;
  /** A request outside the pipeline has been refused. */
  refused(code: ErrorCode): void;
  /** An answer held a record outside the scope. */
  isolation(action: "replaced" | "refused", collection: string): void;
  /** An invalidation has reached all replicas, or not all of them in time. */
  invalidation(outcome: "complete" | "degraded", seconds: number): void;
  /** A part is well, or is not. */
  state(part: string, isWell: boolean): void;
  /** The text that Prometheus scrapes. */
  page(): Promise<{ contentType: string; body: string }>;
}

/** Tenants that get a label of their own; every later one counts as `other`, so that labels cannot grow. */
const TENANT_LABELS = 50;

/** Metrics in a registry of their own. Labels come from closed sets: operations, versions, codes, never a raw path. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "gateway_" });
  const instruments = createInstruments(registry);
  const labelOf = closedSet(TENANT_LABELS);
  return {
    request({ status, ms, note }) {
      const { operation = "none", version = "none", keyVia, tenantVia, code } = note;
      const tenant = note.tenant === undefined ? "none" : labelOf(note.tenant);
      instruments.count("gateway_partner_requests_total", {
        version,
        tenant,
        operation,
        status: String(status),
      });
      instruments.observe("gateway_partner_request_seconds", { operation }, ms / 1_000);
      if (note.upstreamRequests > 0) {
        instruments.observe("gateway_upstream_seconds", { operation }, note.upstreamMs / 1_000);
        instruments.count("gateway_upstream_requests_total", { operation }, note.upstreamRequests);
      }
      if (keyVia !== undefined) instruments.count("gateway_fact_lookups_total", { fact: "key", via: keyVia });
      if (tenantVia !== undefined)
        instruments.count("gateway_fact_lookups_total", { fact: "tenant", via: tenantVia });
      if (code !== undefined) instruments.count("gateway_errors_total", { code });
    },
    refused: (code) => instruments.count("gateway_errors_total", { code }),
    isolation: (action, collection) => instruments.count("gateway_isolation_total", { action, collection }),
    invalidation: (outcome, seconds) =>
      instruments.observe("gateway_revocation_seconds", { outcome }, seconds),
    state: (part, isWell) => instruments.set("gateway_part_state", { part }, isWell ? 1 : 0),
    page: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** The first `size` names keep their own label, later ones become `other`. */
function closedSet(size: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= size) return "other";
    known.add(name);
    return name;
  };
}
