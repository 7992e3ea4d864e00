import { BlockList, isIP } from "node:net";
import { createFacts } from "./cache/facts.ts";
import { digestOf } from "./cache/digest.ts";
import { createPayloadCms } from "./cms/payload/payload.ts";
import type { Config } from "./config/schema.ts";
import type { Clock } from "./core/clock.ts";
import type { Identity, TenantFacts } from "./core/context.ts";
import type { Cms, Upstream } from "./core/ports.ts";
import type { Secret } from "./core/secret.ts";
import { createPipeline, type Stages } from "./gateway/gateway.ts";
import { admission, deadline, inLayers, record, rescue, type Finished } from "./gateway/layers.ts";
import { createNativeProxy, type NativeProxy } from "./native/proxy.ts";
import { logAccess, type Log } from "./observe/log.ts";
import { startAdmin, type Health, type PartState } from "./server/admin.ts";
import { startServer } from "./server/server.ts";
import { createAuthenticate } from "./stages/authenticate.ts";
import { createAuthorise } from "./stages/authorise.ts";
import { createAnswer, createForward, createPrepare } from "./stages/forward.ts";
import { createReadBody } from "./stages/read-body.ts";
import { receive } from "./stages/receive.ts";
import { createRecheck } from "./stages/recheck.ts";
import { createResolveTenant, type TenantQuestion } from "./stages/resolve-tenant.ts";
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
export async function startGateway(config: Config, { clock, log }: Surroundings): Promise<RunningGateway> {
  const state: { ready: boolean; draining: boolean; cms: PartState } = {
    ready: false,
    draining: false,
    cms: "unknown",
  };
  const pool = createUpstream({ ...config.upstream, clock });
  const upstream = watched(pool, state);
  const cms = createPayloadCms(config, upstream);
  const gateway = inLayers(createPipeline(stagesOf(config, { cms, upstream, clock })), [
    record((finished) => logAccess(log, entryOf(finished)), clock),
    rescue,
    deadline(config.partners.deadline, clock),
    admission(config.limits.inFlight),
  ]);
  const native = nativeOf(config, log);
  const health = (): Health => ({ ready: state.ready, draining: state.draining, parts: { cms: state.cms } });
  const admin = await startAdmin(health, { host: config.server.adminHost, port: config.server.adminPort });
  const server = await startServer(
    {
      ...config.server,
      gateway,
      native,
      nativePrefixes: config.native.prefixes,
      onRefused: ({ requestId, method, error }) =>
        logAccess(log, { requestId, method, status: 0, ms: 0, code: error.code, cause: error.cause }),
    },
    { host: config.server.host, port: config.server.port },
  ).catch(async (error: unknown) => {
    await admin.close();
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
      await admin.close();
    },
  };
}

/** The stages of the pipeline with their caches; `explain` runs these very ones. */
export function stagesOf(config: Config, deps: { cms: Cms; upstream: Upstream; clock: Clock }): Stages {
  const { cms, upstream, clock } = deps;
  const {
    absentTtl,
    absent: maxAbsent,
    keyTtl,
    tenantTtl,
    keys: maxKeys,
    tenants: maxTenants,
  } = config.cache;
  const keys = createFacts<Secret, Identity>({
    lookup: (key, asking) => cms.identify(key, asking),
    nameOf: digestOf,
    clock,
    ttl: keyTtl,
    absentTtl,
    max: maxKeys,
    maxAbsent,
  });
  // With a key of the gateway's own everybody sees the same tenants; without one, each caller its own.
  const isShared = config.cms.serviceKey !== undefined;
  const tenants = createFacts<TenantQuestion, TenantFacts>({
    lookup: ({ ref, viewer }, asking) => cms.findTenant(ref, viewer, asking),
    nameOf: ({ ref, viewer }) =>
      JSON.stringify([isShared ? "" : viewer.name, ref.by === "id" ? ref.id : `slug:${ref.slug}`]),
    clock,
    ttl: tenantTtl,
    absentTtl,
    max: maxTenants,
    maxAbsent,
  });
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

function nativeOf(config: Config, log: Log): NativeProxy {
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
    onFailure: ({ requestId, code, cause }) =>
      logAccess(log, { requestId, method: "", status: 0, ms: 0, code, cause }),
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
