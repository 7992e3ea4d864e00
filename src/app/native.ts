import { BlockList, isIP } from "node:net";
import type { Config } from "../config/schema.ts";
import { readTls } from "../config/tls.ts";
import type { Clock } from "../core/clock.ts";
import { GatewayError } from "../core/errors.ts";
import { createNativeProxy, type NativeProxy } from "../http/proxy/proxy.ts";
import type { Events } from "../observe/events.ts";
import { readText, type UpstreamContext } from "./upstream-context.ts";
import { observedRules, observeOnly } from "./observe-mode.ts";

/** What the native proxy reports to: `tell` hears of what it answered and refused. `clock` is the process's. */
interface NativeSurroundings {
  readonly clock: Clock;
  readonly tell: Pick<Events, "native" | "refused" | "observed">;
}

/** The native proxy as the configuration has it. */
export function nativeOf(
  config: Config,
  facilities: ReadonlyMap<string, UpstreamContext>,
  { clock, tell }: NativeSurroundings,
): NativeProxy {
  const { settings, pool, memory } = facilityOf(config, facilities);
  return createNativeProxy({
    clock,
    targets: settings.targets.map((origin) => new URL(origin)),
    pick: (but) => pool.pick(but).origin,
    tls: readTls(settings.tls, readText),
    connectTimeoutMs: settings.connectTimeout,
    maxHeaderSize: settings.maxHeaderSize,
    firstByteTimeoutMs: config.native.firstByteTimeout,
    idleTimeoutMs: config.native.idleTimeout,
    reservedNames: [config.partners.tenantIdHeader, config.partners.tenantSlugHeader, "x-request-id"],
    isTrustedPeer: trustOf(config.server.trustedProxies),
    beforeAnswer: memory.beforeAnswer,
    observes: observedRules(config),
    onObserved: observeOnly(config, memory.keys, tell),
    onDone: (status) => tell.native(status),
    onFailure: ({ requestId, method, code, cause }) =>
      tell.refused({ requestId, method, stage: "native", error: new GatewayError(code, { cause }) }),
  });
}

/** Whether an address is in one of these blocks. */
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

function facilityOf({ native }: Config, facilities: ReadonlyMap<string, UpstreamContext>): UpstreamContext {
  const facility = facilities.get(native.upstream);
  if (facility === undefined) throw new Error(`native.upstream: there is no upstream ${native.upstream}`);
  return facility;
}
