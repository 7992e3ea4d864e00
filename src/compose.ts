import { BlockList, isIP } from "node:net";
import { createPayloadCms } from "./cms/payload/payload.ts";
import { wallTime } from "./clock.ts";
import { remember, type Remembering } from "./compose/remember.ts";
import type { Config } from "./config/schema.ts";
import type { CacheEvents } from "./core/cache-events.ts";
import type { Clock } from "./core/clock.ts";
import { CATALOGUE, GatewayError } from "./core/errors.ts";
import type { Cms, Upstream } from "./core/ports.ts";
import { createPipeline, type Stages } from "./gateway/gateway.ts";
import { admission, deadline, inLayers, record, rescue, type Finished } from "./gateway/layers.ts";
import { createNativeProxy, type NativeProxy } from "./native/proxy.ts";
import { logAccess, type Log } from "./observe/log.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { startAdmin, type Health } from "./server/admin.ts";
import type { Refused } from "./server/door.ts";
import { startServer } from "./server/server.ts";
import { createAuthenticate } from "./stages/authenticate.ts";
import { createAuthorise } from "./stages/authorise.ts";
import { createAnswer, createForward, createPrepare } from "./stages/forward.ts";
import { createReadBody } from "./stages/read-body.ts";
import { receive } from "./stages/receive.ts";
import { createRecheck } from "./stages/recheck.ts";
import { createResolveTenant } from "./stages/resolve-tenant.ts";
import { createRoute } from "./stages/route.ts";
import { createShare, inShare } from "./stages/share.ts";
import { createVersion } from "./stages/version.ts";
import { watchCms } from "./upstream/health.ts";
import { narrow } from "./upstream/narrow.ts";
import { createUpstream } from "./upstream/pool.ts";

/** What a gateway is given besides its configuration. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** A running gateway. */
export interface RunningGateway {
  readonly port: number;
  readonly adminPort: number;
  /** Goes out of service without a reset connection: see `server.drainDelay` and `server.drainTimeout`. */
  stop(): Promise<void>;
}

/** Builds every part once, wires them together and listens. Rejects where an address is taken. */
export async function startGateway(config: Config, { clock, log }: Surroundings): Promise<RunningGateway> {
  const metrics = createMetrics();
  let draining = false;
  const pool = createUpstream({ ...config.upstream, clock });
  const cmsHealth = watchCms(pool, clock);
  const { upstream } = cmsHealth;
  const cms = createPayloadCms(config, upstream, {
    onForeign: (action, collection) => metrics.isolation(action, collection),
    strangers: narrow(upstream, config.upstream.keyLookups),
  });
  const memory = remember(config, cms, { clock, wallTime, log, events: eventsOf(metrics) });
  const gateway = gatewayOf(config, { cms, upstream, memory, metrics, clock, log });
  const onRefused = (refused: Refused) => {
    logAccess(log, entryOfRefused(refused));
    metrics.refused(refused.error.code);
  };
  const native = nativeOf(config, memory, onRefused);
  const health = (): Health => ({
    ready: cmsHealth.ready,
    draining,
    parts: { cms: cmsHealth.state, ...redisPart(memory) },
  });
  const admin = await startAdminOf(config, health, { memory, metrics });
  const server = await startServer(
    {
      ...config.server,
      bodyPause: config.limits.bodyPause,
      gateway,
      native,
      nativePrefixes: config.native.prefixes,
      onRefused,
    },
    { host: config.server.host, port: config.server.port },
  ).catch(async (error: unknown) => {
    await admin.close();
    await memory.cache.close();
    throw error;
  });
  const stopProbing = cmsHealth.keepProbing(cms);

  return {
    port: server.port,
    adminPort: admin.port,
    async stop() {
      draining = true;
      server.announceClosing();
      stopProbing();
      await new Promise<void>((resolve) => void clock.after(config.server.drainDelay, resolve));
      // Together: a WebSocket does not end of itself, and the server waits for its connection.
      await Promise.all([server.drain(config.server.drainTimeout), native.close()]);
      await pool.close();
      await memory.cache.close();
      await admin.close();
    },
  };
}

interface GatewayDeps extends Surroundings {
  readonly cms: Cms;
  readonly upstream: Upstream;
  readonly memory: Remembering;
  readonly metrics: Metrics;
}

/** The pipeline in its layers. */
function gatewayOf(config: Config, { metrics, clock, log, ...deps }: GatewayDeps) {
  return inLayers(createPipeline(stagesOf(config, deps)), [
    record((finished) => {
      logAccess(log, entryOf(finished));
      metrics.request(finished);
    }, clock),
    rescue,
    deadline(config.partners.deadline, clock),
    admission(config.limits.inFlight),
  ]);
}

/** The stages of the pipeline; `explain` runs these very ones. */
export function stagesOf(
  config: Config,
  { cms, upstream, memory }: Pick<GatewayDeps, "cms" | "upstream" | "memory">,
): Stages {
  const { keys, tenants } = memory;
  return {
    receive,
    authenticate: createAuthenticate({ keys, usersCollection: config.cms.users }),
    recheck: inShare(createShare({ max: config.limits.inFlightPerKey }), createRecheck({ keys })),
    version: createVersion({ versions: config.partners.versions, dates: config.partners.versionDates }),
    resolveTenant: createResolveTenant({
      tenants,
      cms,
      idHeader: config.partners.tenantIdHeader,
      slugHeader: config.partners.tenantSlugHeader,
    }),
    route: createRoute({ cms, collections: config.partners.collections }),
    readBody: createReadBody({ maxBytes: config.limits.body }),
    authorise: createAuthorise({ cms }),
    prepare: createPrepare({ cms, maxUrl: config.limits.url }),
    forward: createForward({ upstream }),
    answer: createAnswer({ cms }),
  };
}

/** The admin port; where it is taken, what was opened before it is closed. */
async function startAdminOf(
  config: Config,
  health: () => Health,
  { memory, metrics }: { memory: Remembering; metrics: Metrics },
) {
  return startAdmin(
    { health, purge: memory.purge, metrics: () => metrics.page(), token: config.server.adminToken },
    { host: config.server.adminHost, port: config.server.adminPort },
  ).catch(async (error: unknown) => {
    await memory.cache.close();
    throw error;
  });
}

/** What the caches tell, as metrics. */
function eventsOf(metrics: Metrics): Partial<CacheEvents> {
  return {
    invalidated: ({ complete, ms }) => metrics.invalidation(complete ? "complete" : "degraded", ms / 1_000),
    redis: ({ shared, heard }) => metrics.state("redis", shared && heard),
    lookupRefused: () => metrics.refused("key.unverifiable"),
  };
}

/** Redis as `/readyz` shows it. Without it the gateway serves on, so that its loss is no reason to be taken out. */
function redisPart({ cache }: Remembering): Partial<Health["parts"]> {
  const state = cache.redisState;
  return state === undefined ? {} : { redis: state.heard && state.shared ? "ok" : "degraded" };
}

function nativeOf(
  config: Config,
  { beforeAnswer }: Remembering,
  onRefused: (refused: Refused) => void,
): NativeProxy {
  const trusted = new BlockList();
  for (const block of config.server.trustedProxies) {
    const [address = "", bits] = block.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    trusted.addSubnet(address, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  }
  return createNativeProxy({
    target: new URL(config.upstream.url),
    connectTimeoutMs: config.upstream.connectTimeout,
    firstByteTimeoutMs: config.native.firstByteTimeout,
    idleTimeoutMs: config.native.idleTimeout,
    reservedNames: [config.partners.tenantIdHeader, config.partners.tenantSlugHeader, "x-request-id"],
    isTrustedPeer: (address) =>
      isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"),
    beforeAnswer,
    onFailure: ({ requestId, code, cause }) =>
      onRefused({ requestId, method: "", error: new GatewayError(code, { cause }) }),
  });
}

function entryOfRefused({ requestId, method, error }: Refused) {
  const { code, cause } = error;
  return { requestId, method, status: CATALOGUE[code].status, ms: 0, code, cause };
}

function entryOf({ requestId, method, status, ms, note }: Finished) {
  return {
    requestId,
    method,
    status,
    ms: Math.round(ms * 100) / 100,
    ...note,
    upstreamMs: Math.round(note.upstreamMs * 100) / 100,
  };
}
