import * as z from "zod";
import { cache, redis } from "./cache.ts";
import { cms } from "./cms.ts";
import { rate } from "./rate.ts";
import { duration, patience, size } from "./units.ts";
import { upstream, upstreamName, upstreams } from "./upstream.ts";
import { versionSettings } from "./versions.ts";
import { COLLECTIONS, VERSIONS, cidr, count, headerName, port, prefix, slug } from "./words.ts";

/**
 * Every setting with its default and its meaning: the type, the check and the documentation of the configuration.
 * `config/default.yaml` spells out the same; a test holds the two together.
 */

const server = z.strictObject({
  host: z.string().default("0.0.0.0").describe("Address the gateway listens on."),
  port: port.default(8080).describe("Port the gateway listens on; 0 takes a free one."),
  adminHost: z
    .string()
    .default("127.0.0.1")
    .describe("Address of the admin port: health, metrics, status page, purge."),
  adminPort: port.default(9090).describe("The admin port; 0 takes a free one."),
  reusePort: z
    .boolean()
    .default(false)
    .describe(
      "Whether several gateways on this machine listen on one port (SO_REUSEPORT, Linux); each needs its own adminPort. docs/deploying.md says when.",
    ),
  drainDelay: duration
    .prefault("0s")
    .describe("After SIGTERM: how long to go on accepting while /readyz already says no."),
  drainTimeout: duration
    .prefault("25s")
    .describe("After that: the longest that requests under way may take to finish."),
  keepAliveTimeout: patience
    .prefault("65s")
    .describe("Idle client connections are closed after this; keep it above your load balancer's."),
  headersTimeout: patience
    .prefault("15s")
    .describe("The longest a client may take to send a request's headers, to the admin port as well."),
  idleTimeout: patience
    .prefault("120s")
    .describe("A connection on which no byte moves for this long is closed."),
  maxHeaderSize: size
    .prefault("16KiB")
    .describe("The largest header section of a request, request line included."),
  adminToken: z
    .string()
    .min(16, { error: "expected at least 16 characters" })
    .optional()
    .describe(
      "Wanted as a bearer token by everything on the admin port but /livez and /readyz; without one POST /purge is refused.",
    ),
  maxHeaders: count.default(100).describe("Header lines of a request, at the most."),
  maxConnections: count
    .default(10_000)
    .describe("Client connections, at the most; one more is closed at once."),
  maxRequestsPerConnection: count
    .default(10_000)
    .describe("Requests on one client connection, at the most; then it is closed, so that load moves on."),
  trustedProxies: z
    .array(cidr)
    .default([])
    .describe("Peers whose X-Forwarded-* headers are believed. None by default."),
});

const native = z.strictObject({
  prefixes: z
    .array(prefix)
    .default(["/api", "/admin", "/_next"])
    .describe("Paths that pass through to the CMS untouched; / is allowed."),
  keys: z
    .enum(["refuse", "observe"])
    .default("refuse")
    .describe(
      "A request with an API key on a native path: refused, or let through as before and reported (observe, for a time of changing over: docs/observing.md).",
    ),
  targets: z
    .enum(["refuse", "observe"])
    .default("refuse")
    .describe(
      "A native path that two parsers could read in two ways (dot segments, backslashes): refused, or let through and reported.",
    ),
  upstream: upstreamName.default("default").describe("The upstream that native traffic goes to."),
  firstByteTimeout: patience.prefault("120s").describe("The longest wait for the CMS's answer to begin."),
  idleTimeout: patience.prefault("120s").describe("The longest silence within a body, either way."),
});

const partners = z.strictObject({
  versions: z
    .array(z.string().regex(/^\d{4}-\d{2}$/, { error: "expected a version such as 2026-02" }))
    .min(1)
    .default(VERSIONS)
    .describe("Supported versions, in the order in which messages list them."),
  versionSettings,
  versionUpstreams: z
    .record(z.string(), upstreamName)
    .default({})
    .describe("The upstream of a version, where that is not the default one, e.g. 2025-07: old."),
  tenantUpstreams: z
    .record(z.string(), upstreamName)
    .default({})
    .describe("The upstream of a tenant by its slug, whatever the version, e.g. acme: old."),
  collections: z
    .array(slug)
    .default(COLLECTIONS)
    .describe("Collections that partners may use; nothing else is reachable."),
  publicDescription: z.boolean().default(false).describe("Whether GET /partners/openapi.json needs no key."),
  tenantIdHeader: headerName
    .default("x-basker-tenant-id")
    .describe("Names a tenant by id; also sent to the CMS."),
  tenantSlugHeader: headerName
    .default("x-basker-tenant-slug")
    .describe("Names a tenant by slug; also sent to the CMS."),
  tripwire: z
    .enum(["enforce", "observe", "off"])
    .default("enforce")
    .describe(
      "A record outside the tenant's scope in an answer of the CMS: held back (enforce), let out and reported (observe), or not looked for (off). Users and secret fields never leave.",
    ),
  shareReads: z
    .boolean()
    .default(true)
    .describe("Whether equal reads by one key that are under way at the same time ask the CMS once."),
  deadline: patience.prefault("30s").describe("The longest a partner request may take in all."),
});

const limits = z.strictObject({
  body: size.prefault("1MiB").describe("The largest request body of a partner."),
  bodyPause: patience
    .prefault("10s")
    .describe(
      "The longest pause within a partner's request body; over it 400, and the connection is closed.",
    ),
  url: size
    .prefault("12KiB")
    .describe(
      "The longest URL to ask the CMS by, once a query is rebuilt. A longer read, as of a tenant with a large group, goes as a POST with the query in its body; a longer write is 400. Node refuses 16KiB with headers.",
    ),
  page: count.default(100).describe("The largest `limit` of a list."),
  depth: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(2)
    .describe("The deepest population of relations; also what is used where a partner asks for none."),
  whereDepth: count.default(8).describe("The deepest nesting of and/or in a where."),
  whereConditions: count.default(200).describe("The most conditions in a where."),
  inFlight: count.default(1_000).describe("Partner requests at the same time, at the most; over it 503."),
  inFlightPerKey: count
    .default(100)
    .describe("Requests of one key's user at the same time, at the most; over it 429."),
  unsent: size
    .prefault("256MiB")
    .describe(
      "Partners' answers that their clients have not read yet, in all; over it 503. An answer alone always has room.",
    ),
  unsentPerKey: size
    .prefault("32MiB")
    .describe("The same of one key's user, and what has come of its answers from the CMS; over it 429."),
});

const log = z.strictObject({
  level: z
    .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
    .default("info")
    .describe("The least severe level that is logged."),
  format: z
    .enum(["auto", "json", "pretty"])
    .default("auto")
    .describe(
      "auto: for people on a terminal (and without NO_COLOR), one JSON line a request everywhere else.",
    ),
});

const trace = z.strictObject({
  keep: z.coerce
    .number({ error: "expected a whole number from 0 to 100000" })
    .int()
    .min(0)
    .max(100_000)
    .default(0)
    .describe(
      "Past requests kept in memory for `explain --request`, the newest so many; 0 keeps none and costs nothing.",
    ),
  bytes: size.prefault("8MiB").describe("Memory for them, at the most; the oldest make room."),
});

/** The whole configuration. Sections may be left out; where the CMS is may not. */
export const schema = z.strictObject({
  server: server.prefault({}).describe("Where the gateway listens and how it treats client connections."),
  upstream: upstream.describe("The CMS, and the connections to it: the upstream called default."),
  upstreams,
  native: native.prefault({}).describe("Native traffic: what passes through to the CMS untouched."),
  partners: partners.prefault({}).describe("The Partners API."),
  limits: limits.prefault({}).describe("What partners may ask for at the most."),
  cms: cms.prefault({}).describe("How the CMS names what the gateway needs to know of it (Payload)."),
  cache: cache.prefault({}).describe("What is remembered of keys and tenants, and for how long."),
  redis: redis.prefault({}).describe("Where replicas share what they know."),
  rate: rate.prefault({}).describe("How many requests a partner may make in a minute. Off by default."),
  log: log.prefault({}).describe("The log on standard output, one line a request."),
  trace: trace.prefault({}).describe("What is kept of past requests, to be explained. Off by default."),
});

/** A configuration that was checked: durations in milliseconds, sizes in bytes, nothing missing. */
export type Config = z.output<typeof schema>;
