import type { Incoming, Received } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { hasPlainFraming, repeatsAny } from "../../core/headers.ts";

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
/** The segments are version, tenant, collection and id. */
const MAX_SEGMENTS = 4;

/**
 * Accepts requests that have one meaning and the shape of a route. An ambiguous path or framing is
 * `request.malformed`; a method or depth that no route has is `route.unknown`. It runs before the key is
 * verified, so it decides by public knowledge only.
 */
export function receive(incoming: Incoming): Received {
  const { target, headers, method, httpVersion } = incoming;
  if (
    target.kind !== "partners" ||
    !hasPlainFraming(headers, httpVersion) ||
    repeatsAny(headers, ["host", "content-length"])
  ) {
    throw new GatewayError("request.malformed");
  }
  const { length } = target.path.segments;
  if (!METHODS.has(method) || length === 0 || length > MAX_SEGMENTS) throw new GatewayError("route.unknown");
  return { ...incoming, path: target.path };
}
