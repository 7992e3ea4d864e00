import { BlockList, isIP } from "node:net";
import { createPayloadCms } from "./cms/payload/payload.ts";
import { wallTime } from "./clock.ts";
import { remember, type Remembering } from "./compose/remember.ts";
import type { Config } from "./config/schema.ts";
import type { CacheEvents } from "./core/cache-events.ts";
import type { Clock } from "./core/clock.ts";
import { GatewayError } from "./core/errors.ts";
import type { Cms, Upstream } from "./core/ports.ts";
import { createPipeline, type Stages } from "./gateway/gateway.ts";
import { admission, deadline, inLayers, record, rescue, type Finished } from "./gateway/layers.ts";
import { createNativeProxy, type NativeProxy } from "./native/proxy.ts";
import { logAccess, type Log } from "./observe/log.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { startAdmin, type Health, type PartState } from "./server/admin.ts";
import { startServer } from "./server/server.ts";
import { createAuthenticate } from "./stages/authenticate.ts";
import { createAuthorise } from "./stages/authorise.ts";
import { createAnswer, createForward, createPrepare } from "./stages/forward.ts";
import { createReadBody } from "./stages/read-body.ts";
import { receive } from "./stages/receive.ts";
import { createRecheck } from "./stages/recheck.ts";
import { createResolveTenant } from "./stages/resolve-tenant.ts";
import { createRoute } from "./stages/route.ts";
import { createVersion } from "./stages/version.ts";
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
export async function startGateway(config: Config, surroundings: Surroundings): Promise<RunningGateway> {
  const { clock, log } = surroundings;
  const metrics = createMetrics();
  const state: { ready: boolean; draining: boolean; cms: PartState } = {
    ready: false,
    draining: false,
    cms: "unknown",
  };
  const pool = createUpstream({ ...config.upstream, clock });
  const upstream = watched(pool, state);
  const cms = createPayloadCms(config, upstream, (action, collection) =>
    metrics.isolation(action, collection),
  );
  const memory = remember(config, cms, { clock, wallTime, log, events: eventsOf(metrics) });
  const gateway = inLayers(createPipeline(stagesOf(config, { cms, upstream, memory })), [
    record((finished) => {
      logAccess(log, entryOf(finished));
      metrics.request(finished);
    }, clock),
    rescue,
    deadline(config.partners.deadline, clock),
    admission(config.limits.inFlight),
  ]);
  const refused: OnRefused = (requestId, method, error) => {
    logAccess(log, { requestId, method, status: 0, ms: 0, code: error.code, cause: error.cause });
    metrics.refused(error.code);
  };
  const native = nativeOf(config, memory, refused);
  const admin = await startAdminOf(config, state, { memory, metrics });
  const server = await startServer(
    {
      ...config.server,
      gateway,
      native,
      nativePrefixes: config.native.prefixes,
      onRefused: ({ requestId, method, error }) => refused(requestId, method, error),
    },
    { host: config.server.host, port: config.server.port },
  ).catch(async (error: unknown) => {
    await admin.close();
    await memory.cache.close();
    throw error;
  });
  const stopProbing = probeUntilReady(cms, state, clock);

  return {
    port: server.port,
    adminPort: admin.port,
    async stop() {
      state.draining = true;
      stopProbing();
      await new Promise<void>((resolve) => void clock.after(config.server.drainDelay, resolve));
      await server.drain(config.server.drainTimeout);
      await native.close();
      await pool.close();
      await memory.cache.close();
      await admin.close();
    },
  };
}

/** Told of a request that was refused, or failed, outside the pipeline. */
type OnRefused = (requestId: string, method: string, error: GatewayError) => void;

function stagesOf(
  config: Config,
  { cms, upstream, memory }: { cms: Cms; upstream: Upstream; memory: Remembering },
): Stages {
  const { keys, tenants } = memory;
  return {
    receive,
    authenticate: createAuthenticate({ keys, usersCollection: config.cms.users }),
    recheck: createRecheck({ keys }),
    version: createVersion({ versions: config.partners.versions }),
    resolveTenant: createResolveTenant({
      tenants,
      cms,
      idHeader: config.partners.tenantIdHeader,
      slugHeader: config.partners.tenantSlugHeader,
    }),
    route: createRoute({ cms, collections: config.partners.collections }),
    readBody: createReadBody({ maxBytes: config.limits.body }),
    authorise: createAuthorise({ cms }),
    prepare: createPrepare({ cms }),
    forward: createForward({ upstream }),
    answer: createAnswer({ cms }),
  };
}

/** The admin port; where it is taken, what was opened before it is closed. */
async function startAdminOf(
  config: Config,
  state: Omit<Health, "parts"> & { cms: PartState },
  { memory, metrics }: { memory: Remembering; metrics: Metrics },
) {
  const health = (): Health => ({
    ready: state.ready,
    draining: state.draining,
    parts: { cms: state.cms, ...redisPart(memory) },
  });
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
function redisPart({ cache }: Remembering): { redis?: PartState } {
  const state = cache.redisState;
  return state === undefined ? {} : { redis: state.heard && state.shared ? "ok" : "degraded" };
}

function nativeOf(config: Config, { beforeAnswer }: Remembering, refused: OnRefused): NativeProxy {
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
    onFailure: ({ requestId, code, cause }) => refused(requestId, "", new GatewayError(code, { cause })),
  });
}

/** The upstream, with the state of the CMS kept by what comes back from it. */
function watched(upstream: Upstream, state: { ready: boolean; cms: PartState }): Upstream {
  return {
    async send(outgoing, asking) {
      try {
        const answer = await upstream.send(outgoing, asking);
        state.cms = "ok";
        return answer;
      } catch (error) {
        if (!asking.signal.aborted) state.cms = "degraded";
        throw error;
      }
    },
  };
}

/**
 * Not ready until the CMS has answered once. Later failures of the CMS leave the gateway ready (`degraded`): taken out
 * of service, it could not even say in the envelope what is wrong.
 */
function probeUntilReady(cms: Cms, state: { ready: boolean }, clock: Clock): () => void {
  const controller = new AbortController();
  let cancel: (() => void) | undefined;
  const probe = () => {
    const asking = {
      requestId: "probe",
      signal: controller.signal,
      note: { stage: "probe", upstreamRequests: 0, upstreamMs: 0 },
    };
    const again = () => {
      if (!controller.signal.aborted) cancel = clock.after(1_000, probe);
    };
    cms.probe(asking).then(() => (state.ready = true), again);
  };
  probe();
  return () => {
    cancel?.();
    controller.abort();
  };
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
