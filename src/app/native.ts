import { BlockList, isIP } from "node:net";
import type { Config } from "../config/schema.ts";
import { readTls } from "../config/tls.ts";
import type { Identity } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";
import { isUnderPrefix } from "../core/path.ts";
import { createNativeProxy, type NativeProxy, type Observed } from "../http/proxy/proxy.ts";
import type { Events } from "../observe/events.ts";
import { readKey, type Keys } from "../partners/stages/authenticate.ts";
import { createNativeInvalidation } from "./native-invalidation.ts";
import type { ProcessServices } from "./process-services.ts";
import { readText, type UpstreamContext } from "./upstream-context.ts";

/** The services that the native proxy uses; `events` hears of what it answered and refused. */
type NativeDeps = Pick<ProcessServices, "cache" | "clock" | "writes"> & {
  readonly events: Pick<Events, "native" | "refused" | "observed">;
};

/** Creates the native proxy. Throws if a certificate cannot be read. */
export function createNative(
  config: Config,
  upstreams: ReadonlyMap<string, UpstreamContext>,
  { events, ...deps }: NativeDeps,
): NativeProxy {
  const { settings, pool, cms, lookups } = nativeUpstream(config, upstreams);
  return createNativeProxy({
    clock: deps.clock,
    targets: settings.targets.map((origin) => new URL(origin)),
    pick: (but) => pool.pick(but).origin,
    tls: readTls(settings.tls, readText),
    connectTimeoutMs: settings.connectTimeout,
    maxHeaderSize: settings.maxHeaderSize,
    firstByteTimeoutMs: config.native.firstByteTimeout,
    idleTimeoutMs: config.native.idleTimeout,
    reservedNames: [config.partners.tenantIdHeader, config.partners.tenantSlugHeader, "x-request-id"],
    isTrustedPeer: trustOf(config.server.trustedProxies),
    beforeAnswer: createNativeInvalidation({ ...deps, cms }),
    observes: observedRules(config),
    onObserved: observeOnly(config, lookups.keys, events),
    onDone: (status) => events.native(status),
    onFailure: ({ requestId, method, code, cause }) =>
      events.refused({ requestId, method, stage: "native", error: new GatewayError(code, { cause }) }),
  });
}

/** A test of whether an address is in one of these CIDR blocks. */
function trustOf(blocks: readonly string[]): (address: string) => boolean {
  if (blocks.length === 0) return () => false;
  const trusted = new BlockList();
  for (const block of blocks) {
    const [address = "", bits] = block.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    trusted.addSubnet(address, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  }
  return (address) => isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function nativeUpstream(
  { native }: Config,
  upstreams: ReadonlyMap<string, UpstreamContext>,
): UpstreamContext {
  const upstream = upstreams.get(native.upstream);
  if (upstream === undefined) throw new Error(`native.upstream: there is no upstream ${native.upstream}`);
  return upstream;
}

/** The native rules that only observe, by the settings. */
function observedRules({ native }: Config): ReadonlySet<"key" | "target"> {
  const rules = new Set<"key" | "target">();
  if (native.keys === "observe") rules.add("key");
  if (native.targets === "observe") rules.add("target");
  return rules;
}

/** Lookups of keys for the log, in flight at once: they must not take the connections of requests that are served. */
const MOST_LOOKUPS = 8;

/**
 * Counts and logs native requests that enforcing would refuse: the user (looked up beside the request, which does not wait),
 * the reason and the place. Never the key, and of the path only words that the configuration has.
 */
function observeOnly(config: Config, keys: Keys, events: Pick<Events, "observed">) {
  let inFlight = 0;
  const identify = async ({ requestId, rawHeaders }: Observed): Promise<Identity | undefined> => {
    const key = readKey(rawHeaders, config.cms.users);
    if (key === undefined || inFlight >= MOST_LOOKUPS) return undefined;
    inFlight += 1;
    try {
      const signal = AbortSignal.timeout(config.upstream.deadline);
      const note = { stage: "observe", upstreamRequests: 0, upstreamMs: 0 };
      return (await keys.find(key, { requestId, signal, note })).value;
    } catch {
      return undefined;
    } finally {
      inFlight -= 1;
    }
  };
  return (observed: Observed): void => {
    const { requestId, code, reason, method, target } = observed;
    const prefix = config.native.prefixes.find((one) => isUnderPrefix(target, [one])) ?? "none";
    const report = (identity: Identity | undefined): void => {
      const userId = identity?.userId;
      const tenants = identity?.allTenants === true ? "all" : identity?.tenantIds;
      const collection = collectionIn(target, config);
      events.observed({ requestId, code, reason, userId, tenants, method, prefix, collection });
    };
    void identify(observed).then(report);
  };
}

/** The exposed collection that a native target addresses, if it does: any other word of a path may be a secret. */
function collectionIn(target: string, { cms, partners }: Config): string | undefined {
  if (!isUnderPrefix(target, [cms.apiPath])) return undefined;
  const [pathname = ""] = target.split("?", 1);
  const base = cms.apiPath === "/" ? 0 : cms.apiPath.length;
  const [, collection = ""] = pathname.slice(base).split("/");
  return partners.collections.includes(collection) ? collection : undefined;
}
