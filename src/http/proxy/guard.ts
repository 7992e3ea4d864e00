import type { IncomingMessage } from "node:http";
import { carriesApiKey, hasPlainFraming, hasUsableHost, repeatsAny } from "../../core/headers.ts";
import { hasComeBack } from "../../core/loop.ts";
import { isOriginForm, isPlainNativeTarget } from "../../core/path.ts";

/** What a request offends against. `message` is what no server may be sent; the others an operator can have observed. */
export type Rule = "message" | "target" | "key";

/** Why a request is not forwarded: the catalogue code for the client, the reason for the log. */
export interface NativeRefusal {
  readonly rule: Rule;
  readonly code: "native.keyed" | "request.malformed" | "gateway.loop";
  readonly reason: string;
}

/** Headers of which a second copy lets two servers read two requests; Node keeps the first, others the last. */
const SINGLE = ["authorization", "content-length", "content-type"];

/**
 * Why this request may not reach the CMS; empty where it may. Needs no configuration and does not look at which native
 * prefix the target is under, so that no spelling of a path gets a keyed request through. Each rule is judged for
 * itself: where one is only observed, another must still refuse.
 */
export function refusalsOf(request: IncomingMessage): readonly NativeRefusal[] {
  const broken = brokenMessage(request);
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

function brokenMessage(request: IncomingMessage): NativeRefusal | undefined {
  const raw = request.rawHeaders;
  if (hasComeBack(raw))
    return { rule: "message", code: "gateway.loop", reason: "the upstream leads back to this gateway" };
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
 * As `refusalsOf`, for a request that wants its connection changed. Only a WebSocket handshake is one (RFC 6455 section
 * 4.1), and it has no body: the length would be forwarded and the body not, so that the next request would be eaten.
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

/** True where a body follows the request's head, be it empty. */
export function announcesBody(request: IncomingMessage): boolean {
  return (
    request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined
  );
}

/** HTTP/1.0 knows no `Host` (RFC 9112 section 3.2): balancers' health checks leave it out. */
function mayLackHost(request: IncomingMessage): boolean {
  return request.httpVersionMinor === 0 && request.headers.host === undefined;
}

function malformed(reason: string): NativeRefusal {
  return { rule: "message", code: "request.malformed", reason };
}
