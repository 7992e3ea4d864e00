import { hasRedis } from "../../cache/redis.ts";
import type { Config } from "../../config/schema.ts";
import { upstreamsOf } from "../../config/upstream.ts";
import type { AuditFinding } from "../../core/finding.ts";

/** Returns advice on a valid configuration, one finding each; a single `ok` finding if there is none. */
export function advise(config: Config): AuditFinding[] {
  const advice = RULES.flatMap(({ check, applies, severity, seen, change }) =>
    applies(config)
      ? [{ check, severity, seen: typeof seen === "string" ? seen : seen(config), change }]
      : [],
  );
  return advice.length > 0
    ? advice
    : [{ check: "config", severity: "ok", seen: "nothing to advise on the configuration" }];
}

interface Rule extends Omit<Required<AuditFinding>, "seen"> {
  readonly seen: string | ((config: Config) => string);
  readonly applies: (config: Config) => boolean;
}

const RULES: readonly Rule[] = [
  {
    check: "config.trusted-proxies",
    applies: ({ server }) => server.trustedProxies.some((block) => block.endsWith("/0")),
    severity: "high",
    seen: "server.trustedProxies trusts the X-Forwarded-* headers of every client",
    change: "list only the addresses of your own proxies",
  },
  {
    check: "config.plain-upstream",
    applies: (config) =>
      [...upstreamsOf(config).values()]
        .flatMap(({ targets }) => targets)
        .some((url) => url.startsWith("http:") && !isPrivate(new URL(url).hostname)),
    severity: "medium",
    seen: "keys are sent to the CMS unencrypted, to a host name that looks public",
    change: "use https:// in the upstream's url and targets, or a private address",
  },
  {
    check: "config.redis-secret",
    applies: ({ redis }) => hasRedis(redis) && redis.secret === undefined,
    severity: "medium",
    seen: "Redis is set without CACHE_SECRET: replicas share invalidations, but no cached lookups",
    change: "set one CACHE_SECRET on all replicas: openssl rand -base64 32",
  },
  {
    check: "config.replicas-redis",
    applies: ({ server, redis }) => server.reusePort && !hasRedis(redis),
    severity: "medium",
    seen: "server.reusePort is for several replicas, and there is no Redis: they share no rate limit and no withdrawal",
    change: "set REDIS_URL and one CACHE_SECRET for all replicas",
  },
  {
    check: "config.observing",
    applies: ({ native, partners }) =>
      native.keys === "observe" || native.targets === "observe" || partners.tripwire !== "enforce",
    severity: "medium",
    seen: "native.keys, native.targets or partners.tripwire only observes and refuses nothing",
    change: "end the observation: set refuse and enforce (docs/observing.md)",
  },
  {
    check: "config.deadlines",
    applies: (config) =>
      [...upstreamsOf(config).values()].some(({ deadline }) => deadline >= config.partners.deadline),
    severity: "medium",
    seen: "an upstream's deadline is not below partners.deadline: a slow CMS uses up the whole time of a request",
    change: "lower the upstream's deadline",
  },
  {
    check: "config.service-key",
    applies: ({ cms }) => cms.serviceKey === undefined,
    severity: "low",
    seen: "no CMS_SERVICE_KEY: tenants are looked up with partners' keys, so partners must have read access to tenants",
    change: "create a user for the gateway with read access to tenants and groups, and set its key",
  },
  {
    check: "config.virtual-fields",
    applies: ({ cms }) => Object.keys(cms.virtualFields).length === 0,
    severity: "note",
    seen: "cms.virtualFields is empty: if the CMS has fields such as virtual: 'venue.title', they show other tenants' values",
    change: "declare each such field with its path, e.g. events: {venueTitle: venue.title}",
  },
  {
    check: "config.drain-delay",
    applies: ({ server }) => server.drainDelay === 0,
    severity: "low",
    seen: "server.drainDelay is 0: the port is closed before a load balancer can see the drain on /readyz",
    change: "set it to a few seconds more than the interval of your load balancer's health check",
  },
  {
    check: "config.admin-open",
    applies: ({ server }) => !isLoopback(server.adminHost),
    severity: "low",
    seen: "the admin port listens beyond loopback: clients that reach it can read metrics and states",
    change: "allow only your monitoring to reach it, or set adminHost to 127.0.0.1",
  },
  {
    check: "config.native-everything",
    applies: ({ native }) => native.prefixes.includes("/"),
    severity: "low",
    seen: "native.prefixes has /: every path outside /partners goes to the CMS",
    change: "list the paths that editors and visitors need",
  },
  {
    check: "config.fields-of-nothing",
    applies: (config) => unseenCollections(config).length > 0,
    severity: "low",
    seen: (config) =>
      `fields are declared for ${unseenCollections(config).join(", ")}, which partners cannot see: a typo there leaves a relation unchecked`,
    change: "compare cms.ownPaths, cms.relations, cms.joins and cms.plainFields with partners.collections",
  },
  {
    check: "config.relations",
    applies: ({ cms }) => Object.keys(cms.relations).length === 0,
    severity: "note",
    seen: "no cms.relations: a record shared within a group is never shown inside another record, only its id",
    change: "declare the collection of each relation, if partners need its records",
  },
];

/** Returns the collections with declared fields whose records no partner can receive. */
function unseenCollections({ cms, partners }: Config): readonly string[] {
  const { ownPaths, relations, joins, plainFields, openCollections } = cms;
  const led = [relations, joins].flatMap((all) =>
    Object.values(all).flatMap((fields) => Object.values(fields)),
  );
  const seen = new Set([...partners.collections, ...openCollections, ...led]);
  const named = new Set([ownPaths, relations, joins, plainFields].flatMap((fields) => Object.keys(fields)));
  return [...named].filter((slug) => !seen.has(slug));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** True for a name or an address that does not look public. No DNS lookup is made. */
function isPrivate(host: string): boolean {
  if (host.startsWith("[")) return /^\[(?:::1|f[cde])/i.test(host);
  if (/^[\d.]+$/.test(host)) return /^(?:127|10|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\./.test(host);
  return !host.includes(".") || /\.(?:internal|local|localhost|svc|lan|test|home\.arpa)$/.test(host);
}
