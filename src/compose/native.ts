import { BlockList, isIP } from "node:net";
import type { Config } from "../config/schema.ts";
import { GatewayError } from "../core/errors.ts";
import { createNativeProxy, type NativeProxy } from "../native/proxy.ts";
import type { Refused } from "../server/door.ts";
import type { Remembering } from "./remember.ts";

/** The native proxy as the configuration has it. `onRefused` hears of what it answered itself. */
export function nativeOf(
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
