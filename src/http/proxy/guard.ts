import type { IncomingMessage } from "node:http";
import { carriesApiKey, hasPlainFraming, hasUsableHost, repeatsAny } from "../../core/headers.ts";
import { isLoop } from "../../core/loop.ts";
import { isOriginForm, isPlainNativeTarget } from "../../core/path.ts";

/** The rule that a request breaks. `framing` is always enforced; the others can be observed instead. */
export type GuardRule = "framing" | "target" | "key";

/** The reason why a request is not forwarded: the error code for the client and the reason for the log. */
export interface NativeRefusal {
  readonly rule: GuardRule;
  readonly code: "native.keyed" | "request.malformed" | "gateway.loop";
  readonly reason: string;
}

/**
 * Headers that must not be repeated, since two servers would read two different requests. Node keeps the
 * first, others the last.
 */
const SINGLE = ["authorization", "content-length", "content-type"];

/**
 * Returns the refusals of a request; empty if it may reach the CMS. The check needs no configuration and
 * ignores the native prefixes, so that no spelling of a path can pass a request with a key. Each rule is
 * checked separately: if one is only observed, another must still refuse.
 */
export function refusalsOf(request: IncomingMessage): readonly NativeRefusal[] {
  const broken = brokenFraming(request);
  if (broken !== undefined) return [broken];
  const refusals: NativeRefusal[] = [];
  if (!isPlainNativeTarget(request.url ?? "")) {
    const reason = "target can be read in two ways";
    refusals.push({ rule: "target", code: "request.malformed", reason });
  }
  if (carriesApiKey(request.rawHeaders))
    refusals.push({ rule: "key", code: "native.keyed", reason: "API key on a native path" });
  return refusals;
}

function brokenFraming(request: IncomingMessage): NativeRefusal | undefined {
  const raw = request.rawHeaders;
  if (isLoop(raw))
    return { rule: "framing", code: "gateway.loop", reason: "the upstream leads back to this gateway" };
  if (request.httpVersionMajor !== 1) return malformed("HTTP version is not 1.x");
  if (!hasPlainFraming(raw, request.httpVersion)) return malformed("message length can be read in two ways");
  if (repeatsAny(raw, SINGLE)) return malformed("a header that must be single is repeated");
  if (!hasUsableHost(raw) && !mayLackHost(request)) return malformed("no usable Host");
  if (request.method === "TRACE" || request.method === "CONNECT")
    return malformed("method is not for an origin");
  if (!isOriginForm(request.url ?? "")) return malformed("target is not in origin form");
  return undefined;
}

/**
 * Does the same for an upgrade. Only a WebSocket handshake is accepted (RFC 6455 section 4.1), and it has no
 * body. Otherwise the length would be forwarded without the body, and the CMS would read the next request as
 * the body.
 */
export function refusalsOfUpgrade(request: IncomingMessage): readonly NativeRefusal[] {
  const broken = brokenUpgrade(request);
  return broken === undefined ? refusalsOf(request) : [...refusalsOf(request), broken];
}

function brokenUpgrade(request: IncomingMessage): NativeRefusal | undefined {
  if (request.method !== "GET" || request.httpVersionMinor === 0)
    return malformed("upgrade by other than GET");
  if (request.headers.upgrade?.trim().toLowerCase() !== "websocket")
    return malformed("upgrade to other than WebSocket");
  if (announcesBody(request)) return malformed("upgrade with a body");
  return undefined;
}

/** True if a body follows the request's head, even an empty one. */
export function announcesBody(request: IncomingMessage): boolean {
  return (
    request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined
  );
}

/** True for HTTP/1.0 without a `Host` (RFC 9112 section 3.2): load balancers' health checks omit it. */
function mayLackHost(request: IncomingMessage): boolean {
  return request.httpVersionMinor === 0 && request.headers.host === undefined;
}

function malformed(reason: string): NativeRefusal {
  return { rule: "framing", code: "request.malformed", reason };
}
