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

/** Where traces go. */
export interface TracingOptions {
  /** Base URL of a collector that speaks OTLP over HTTP; `/v1/traces` is added. */
  readonly endpoint: string;
  /** The share of traces that is kept, 0 to 1. Decided by the trace's id, never by a client's flag. */
  readonly ratio: number;
  readonly version: string;
  /** The CMS's origin. */
  readonly upstream: URL;
  readonly clock: Clock;
  readonly log: Log;
}

/** Traces on their way to a collector. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what is left, for two seconds at the longest. */
  stop(): Promise<void>;
}

const LAST_WORDS_MS = 2_000;
const COMPLAIN_MS = 60_000;
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * Traces by OpenTelemetry, loaded where they are wanted only. A collector that is slow or gone costs no request
 * anything: spans are sent in batches by the side, and dropped where they cannot be.
 */
export function startTracing(options: TracingOptions): Tracing {
  const { endpoint, ratio, version, clock } = options;
  complainInto(options);
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
    tracer: { begin: (request) => beginRequest(tracer, request, options.upstream) },
    async stop() {
      const patience = new Promise<void>((resolve) => void clock.after(LAST_WORDS_MS, resolve));
      await Promise.race([provider.shutdown().catch(() => undefined), patience]);
    },
  };
}

const quiet = (): void => undefined;

/** OpenTelemetry tells of failures through a logger of its own; one line a minute of it is enough. */
function complainInto({ clock, log }: TracingOptions): void {
  let last = -Infinity;
  const complain = (message: string): void => {
    if (clock.now() - last < COMPLAIN_MS) return;
    last = clock.now();
    log.warn({ cause: scrub(message).slice(0, 500) }, "traces are not delivered");
  };
  const logger = { error: complain, warn: complain, info: quiet, debug: quiet, verbose: quiet };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

function beginRequest(tracer: OtelTracer, request: TracedRequest, upstream: URL): RequestSpan {
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
    ask: (outgoing) => beginQuestion(tracer, { outgoing, upstream, within }),
    end(status) {
      const route = routeOf(note);
      span.updateName(`${METHODS.has(method) ? method : "HTTP"} ${route}`);
      span.setAttributes({ "http.route": route, ...pathOf(request), ...attributesOf(note) });
      finish(span, { status, isError: status >= 500 });
    },
  };
}

interface Asked {
  readonly outgoing: Parameters<RequestSpan["ask"]>[0];
  readonly upstream: URL;
  readonly within: Context;
}

function beginQuestion(tracer: OtelTracer, { outgoing, upstream, within }: Asked): LookupSpan {
  const { method, target } = outgoing;
  const attributes: Attributes = {
    "http.request.method": method,
    "server.address": upstream.hostname,
    "server.port": Number(upstream.port) || (upstream.protocol === "https:" ? 443 : 80),
    // The query holds what a partner looks for, and whose it is: the path alone.
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

/** The kind of path, never the path: names of spans must be few. */
function routeOf({ operation, collection }: AccessLogFields): string {
  if (collection === undefined) return "/partners";
  const isOne = operation === "read" || operation === "update" || operation === "delete";
  return `/partners/:version/:tenant/:collection${isOne ? "/:id" : ""}`;
}

/** The path of somebody whose key is good; a stranger's may be anything, a key among it. Without its query. */
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
