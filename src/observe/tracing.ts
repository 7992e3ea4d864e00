import {
  diag,
  DiagLogLevel,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  ROOT_CONTEXT,
} from "@opentelemetry/api";
import type { Attributes, Context, Span, Tracer as OtelTracer } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BatchSpanProcessor, TraceIdRatioBasedSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Clock } from "../core/clock.ts";
import type { AccessLogFields } from "../core/access-log.ts";
import {
  readTraceparent,
  type LookupSpan,
  type RequestSpan,
  type TraceContext,
  type TracedRequest,
  type Tracer,
} from "../core/trace.ts";
import type { Log } from "./log.ts";
import { scrub } from "./scrub.ts";

/** The destination of traces. */
export interface TracingOptions {
  /** The base URL of a collector that speaks OTLP over HTTP; `/v1/traces` is added. */
  readonly endpoint: string;
  /** The share of traces that is sampled, 0 to 1. The trace's id decides, never a client's flag. */
  readonly ratio: number;
  readonly version: string;
  /** The CMS's origin. */
  readonly upstream: URL;
  readonly clock: Clock;
  readonly log: Log;
}

/** The exporter of traces to a collector. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends the remaining spans, for at most two seconds. */
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 2_000;
const WARN_INTERVAL_MS = 60_000;
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * Starts tracing by OpenTelemetry, which is loaded only if tracing is configured. A slow or missing collector
 * delays no request: spans are sent in batches in the background, and dropped if that fails.
 */
export function startTracing(options: TracingOptions): Tracing {
  const { endpoint, ratio, version, clock } = options;
  forwardDiagnostics(options);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, "")}/v1/traces` });
  const own = resourceFromAttributes({ "service.name": "partners-gateway", "service.version": version });
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: new TraceIdRatioBasedSampler(ratio),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 })],
  });
  const tracer = provider.getTracer("partners-gateway", version);
  return {
    tracer: { begin: (request) => startServerSpan(tracer, request, options.upstream) },
    async stop() {
      const timeout = new Promise<void>((resolve) => void clock.after(STOP_TIMEOUT_MS, resolve));
      await Promise.race([provider.shutdown().catch(() => undefined), timeout]);
    },
  };
}

const noop = (): void => undefined;

/** Forwards OpenTelemetry's own failure messages to the log, at most one line per minute. */
function forwardDiagnostics({ clock, log }: TracingOptions): void {
  let last = -Infinity;
  const report = (message: string): void => {
    if (clock.now() - last < WARN_INTERVAL_MS) return;
    last = clock.now();
    log.warn({ cause: scrub(message).slice(0, 500) }, "traces are not delivered");
  };
  const logger = { error: report, warn: report, info: noop, debug: noop, verbose: noop };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

function startServerSpan(tracer: OtelTracer, request: TracedRequest, upstream: URL): RequestSpan {
  const { method, requestId, httpVersion, note } = request;
  const attributes: Attributes = {
    ...methodOf(method),
    "url.scheme": "http",
    "network.protocol.version": httpVersion,
    "gateway.request_id": requestId,
  };
  const parent = parentOf(readTraceparent(request.headers));
  const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
  const within = trace.setSpan(parent, span);
  return {
    traceId: span.spanContext().traceId,
    ask: (outgoing) => startClientSpan(tracer, { outgoing, upstream, within }),
    end(status) {
      const route = routeOf(note);
      span.updateName(`${METHODS.has(method) ? method : "HTTP"} ${route}`);
      span.setAttributes({ "http.route": route, ...pathOf(request), ...attributesOf(note) });
      finish(span, { status, isError: status >= 500 });
    },
  };
}

interface ClientSpanOptions {
  readonly outgoing: Parameters<RequestSpan["ask"]>[0];
  readonly upstream: URL;
  readonly within: Context;
}

function startClientSpan(tracer: OtelTracer, { outgoing, upstream, within }: ClientSpanOptions): LookupSpan {
  const { method, target } = outgoing;
  const attributes: Attributes = {
    "http.request.method": method,
    "server.address": upstream.hostname,
    "server.port": Number(upstream.port) || (upstream.protocol === "https:" ? 443 : 80),
    // Only the path, since the query holds search terms and the tenant.
    "url.path": target.split("?", 1)[0] ?? "",
  };
  const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes }, within);
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    context: { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
    end(outcome) {
      if ("status" in outcome) return finish(span, { ...outcome, isError: outcome.status >= 400 });
      span.setAttribute("error.type", outcome.code).setStatus({ code: SpanStatusCode.ERROR }).end();
    },
  };
}

function finish(span: Span, { status, isError }: { status: number; isError: boolean }): void {
  span.setAttribute("http.response.status_code", status);
  if (isError) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

function parentOf(context: TraceContext | undefined): Context {
  if (context === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, isSampled } = context;
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function methodOf(method: string): Attributes {
  return METHODS.has(method)
    ? { "http.request.method": method }
    : { "http.request.method": "_OTHER", "http.request.method_original": method };
}

/** Returns the kind of path, never the path itself: span names must have a low cardinality. */
function routeOf({ operation, collection }: AccessLogFields): string {
  if (collection === undefined) return "/partners";
  const isOne = operation === "read" || operation === "update" || operation === "delete";
  return `/partners/:version/:tenant/:collection${isOne ? "/:id" : ""}`;
}

/**
 * Returns the path without its query, for a request with a valid key. Without a valid key the path may hold
 * anything, even a key.
 */
function pathOf({ note, target }: TracedRequest): Attributes {
  if (note.userId === undefined || target.kind !== "partners") return {};
  const segments = target.path.segments.map((segment) => encodeURIComponent(segment));
  return { "url.path": scrub(`/partners/${segments.join("/")}`) };
}

function attributesOf(note: AccessLogFields): Attributes {
  const { userId, version, tenant, operation, collection, keyVia, tenantVia, stage, code } = note;
  return {
    "gateway.stage": stage,
    "gateway.upstream_requests": note.upstreamRequests,
    ...(userId === undefined ? {} : { "user.id": String(userId) }),
    ...(version === undefined ? {} : { "gateway.version": version }),
    ...(tenant === undefined ? {} : { "gateway.tenant": tenant }),
    ...(operation === undefined ? {} : { "gateway.operation": operation }),
    ...(collection === undefined ? {} : { "gateway.collection": collection }),
    ...(keyVia === undefined ? {} : { "gateway.key_via": keyVia }),
    ...(tenantVia === undefined ? {} : { "gateway.tenant_via": tenantVia }),
    ...(code === undefined ? {} : { "error.type": code }),
  };
}
