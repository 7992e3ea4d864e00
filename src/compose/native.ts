import { BlockList, isIP } from "node:net";
import type { Config } from "../config/schema.ts";
import { GatewayError } from "../core/errors.ts";
import { createNativeProxy, type NativeProxy } from "../native/proxy.ts";
import type { Happenings } from "../observe/happenings.ts";
import type { Remembering } from "./remember.ts";
import { observedRules, watchObserved } from "./watch.ts";

/** The native proxy as the configuration has it. `tell` hears of what it answered, and of what it refused. */
export function nativeOf(
  config: Config,
  { beforeAnswer, keys }: Remembering,
  tell: Pick<Happenings, "native" | "refused" | "observed">,
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
    observes: observedRules(config),
    onObserved: watchObserved(config, keys, tell),
    onDone: (status) => tell.native(status),
    onFailure: ({ requestId, code, cause }) =>
      tell.refused({ requestId, method: "", error: new GatewayError(code, { cause }) }),
  });
}
