import * as z from "zod";
import { cache, redis } from "./cache.ts";
import { cms } from "./cms.ts";
import { rate } from "./rate.ts";
import { duration, positiveDuration, size } from "./units.ts";
import { upstream, upstreamName, upstreams } from "./upstream.ts";
import { versionSettings } from "./versions.ts";
import { COLLECTIONS, VERSIONS, cidr, count, headerName, port, prefix, slug } from "./words.ts";

/**
 * Every setting with its type, default and description. `config/default.yaml`, `config/schema.json` and
 * `docs/configuration.md` are generated from it; a test compares them.
 */

const server = z.strictObject({
  host: z.string().default("0.0.0.0").describe("The address on which the gateway listens."),
  port: port.default(8080).describe("The port on which the gateway listens; 0 chooses a free one."),
  adminHost: z
    .string()
    .default("127.0.0.1")
    .describe("The address of the admin port: health, metrics, status page, purge."),
  adminPort: port.default(9090).describe("The admin port; 0 chooses a free one."),
  reusePort: z
    .boolean()
    .default(false)
    .describe(
      "Whether several gateways on this machine listen on one port (SO_REUSEPORT, Linux); each needs its own adminPort. See docs/deploying.md.",
    ),
  drainDelay: duration
    .prefault("0s")
    .describe("How long after SIGTERM the gateway accepts connections although /readyz already answers 503."),
  drainTimeout: duration
    .prefault("25s")
    .describe("How long after the drain delay requests in flight may take to finish."),
  keepAliveTimeout: positiveDuration
    .prefault("65s")
    .describe(
      "How long an idle client connection stays open. Keep it above the idle timeout of your load balancer.",
    ),
  headersTimeout: positiveDuration
    .prefault("15s")
    .describe("The longest that a client may take to send a request's headers, also on the admin port."),
  idleTimeout: positiveDuration
    .prefault("120s")
    .describe("How long a connection with a request in flight may transfer no byte before it is closed."),
  maxHeaderSize: size
    .prefault("16KiB")
    .describe("The largest header section of a request, including the request line."),
  adminToken: z
    .string()
    .min(16, { error: "expected at least 16 characters" })
    .optional()
    .describe(
      "The bearer token that the admin port requires for everything except /livez and /readyz. Without a token, POST /purge is refused.",
    ),
  maxHeaders: count.default(100).describe("The largest number of header lines in a request."),
  maxConnections: count
    .default(10_000)
    .describe("The largest number of client connections; the gateway closes any further one at once."),
  maxRequestsPerConnection: count
    .default(10_000)
    .describe(
      "The largest number of requests on one client connection. The gateway then closes it, so that a load balancer can rebalance.",
    ),
  trustedProxies: z
    .array(cidr)
    .default([])
    .describe("The peers whose X-Forwarded-* headers are trusted, e.g. [10.0.0.0/8]. None by default."),
});

const native = z.strictObject({
  prefixes: z
    .array(prefix)
    .default(["/api", "/admin", "/_next"])
    .describe("The path prefixes of native traffic, which is proxied to the CMS unchanged; / is allowed."),
  keys: z
    .enum(["refuse", "observe"])
    .default("refuse")
    .describe(
      "The action on a request with an API key on a native path: refuse it, or forward and report it (observe, for a migration: docs/observing.md).",
    ),
  targets: z
    .enum(["refuse", "observe"])
    .default("refuse")
    .describe(
      "The action on an ambiguous native path (dot segments, backslashes): refuse it, or forward and report it (observe).",
    ),
  upstream: upstreamName.default("default").describe("The name of the upstream of native traffic."),
  firstByteTimeout: positiveDuration
    .prefault("120s")
    .describe("Native requests: the longest wait for the first byte of the CMS's answer."),
  idleTimeout: positiveDuration
    .prefault("120s")
    .describe("Native requests: the longest pause within a body, in either direction."),
});

const partners = z.strictObject({
  versions: z
    .array(z.string().regex(/^\d{4}-\d{2}$/, { error: "expected a version such as 2026-02" }))
    .min(1)
    .default(VERSIONS)
    .describe("The supported versions, in the order in which error messages list them."),
  versionSettings,
  versionUpstreams: z
    .record(z.string(), upstreamName)
    .default({})
    .describe("The upstreams of versions that do not use the default one, e.g. 2025-07: old."),
  tenantUpstreams: z
    .record(z.string(), upstreamName)
    .default({})
    .describe("The upstreams of single tenants, by slug and for every version, e.g. acme: old."),
  collections: z
    .array(slug)
    .default(COLLECTIONS)
    .describe("The collections that partners may use; they can reach no other."),
  publicDescription: z
    .boolean()
    .default(false)
    .describe("Whether GET /partners/openapi.json works without a key."),
  tenantIdHeader: headerName
    .default("x-basker-tenant-id")
    .describe("The header that names a tenant by id; the gateway also sends it to the CMS."),
  tenantSlugHeader: headerName
    .default("x-basker-tenant-slug")
    .describe("The header that names a tenant by slug; the gateway also sends it to the CMS."),
  tripwire: z
    .enum(["enforce", "observe", "off"])
    .default("enforce")
    .describe(
      "The action on a record outside the tenant's scope in an answer of the CMS: withhold it (enforce), send and report it (observe), or do not check (off). Users and secret fields are always withheld.",
    ),
  shareReads: z
    .boolean()
    .default(true)
    .describe("Whether equal reads by one key that are in flight at the same time share one CMS request."),
  deadline: positiveDuration.prefault("30s").describe("The timeout of a partner request in all."),
});

const limits = z.strictObject({
  body: size.prefault("1MiB").describe("The largest body of a partner request; over it, the answer is 413."),
  bodyPause: positiveDuration
    .prefault("10s")
    .describe(
      "The longest pause within the body of a partner request; over it, the answer is 400 and the connection is closed.",
    ),
  url: size
    .prefault("12KiB")
    .describe(
      "The longest URL of a request to the CMS, after the query is rebuilt. A longer read (for example of a tenant with a large group) is sent as a POST with the query in its body; a longer write is refused with 400. Node's limit is 16KiB, including headers.",
    ),
  page: count.default(100).describe("The largest `limit` of a list."),
  depth: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(2)
    .describe("The largest `depth` of populated relations; also the default if a request has none."),
  whereDepth: count.default(8).describe("The deepest nesting of `and` and `or` in a `where`."),
  whereConditions: count.default(200).describe("The largest number of conditions in a `where`."),
  inFlight: count
    .default(1_000)
    .describe("The largest number of partner requests in flight; over it, the answer is 503."),
  inFlightPerKey: count
    .default(100)
    .describe("The largest number of requests in flight of one key's user; over it, the answer is 429."),
  unsent: size
    .prefault("256MiB")
    .describe(
      "The memory limit of all partner answers that clients have not read yet; over it, the answer is 503. A single answer may always exceed it.",
    ),
  unsentPerKey: size
    .prefault("32MiB")
    .describe(
      "The memory limit of the unread answers of one key's user, including the parts received from the CMS so far; over it, the answer is 429.",
    ),
});

const log = z.strictObject({
  level: z
    .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
    .default("info")
    .describe("The lowest level that is logged."),
  format: z
    .enum(["auto", "json", "pretty"])
    .default("auto")
    .describe(
      "The log format. auto is pretty on a terminal (and without NO_COLOR), and one JSON line per request otherwise.",
    ),
});

/** The whole configuration. Every section is optional, but the origin of the CMS is required. */
export const schema = z.strictObject({
  server: server.prefault({}).describe("The listeners and the limits of client connections."),
  upstream: upstream.describe("The CMS and the connections to it: the upstream named default."),
  upstreams,
  native: native.prefault({}).describe("Native traffic, which is proxied to the CMS unchanged."),
  partners: partners.prefault({}).describe("The Partners API."),
  limits: limits.prefault({}).describe("The limits of partner requests."),
  cms: cms.prefault({}).describe("The names of collections and fields in the CMS (Payload)."),
  cache: cache.prefault({}).describe("The cache of keys and tenants."),
  redis: redis.prefault({}).describe("The Redis that replicas share."),
  rate: rate.prefault({}).describe("The rate limits of partners. Off by default."),
  log: log.prefault({}).describe("The log on standard output, one line per request."),
});

/** A validated configuration: durations in milliseconds, sizes in bytes, with all defaults. */
export type Config = z.output<typeof schema>;
