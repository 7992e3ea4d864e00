import type { IncomingMessage } from "node:http";
import { foldName, isHopByHop, nominatedNames } from "../../core/headers.ts";
import { LOOP_HEADER, loopHeaderValue } from "../../core/loop.ts";
import type { NativeOptions } from "./options.ts";

/** The headers of the request to the CMS, in lower case. Only connection headers are added to them. */
export type OutgoingHeaders = Record<string, string | string[]>;

/** The headers that are removed from every request. */
export interface HeaderRules {
  readonly refused: ReadonlySet<string>;
  readonly isTrustedPeer: (address: string) => boolean;
}

/**
 * `host` and `content-length` are set after the client's headers, and Node's server has already answered
 * `expect`. The last four are internal headers of Next.js's router or host. No browser sends them, and
 * Next.js removes them itself.
 */
const REPLACED = [
  "host",
  "content-length",
  "expect",
  "x-matched-path",
  "x-now-route-matches",
  "x-next-resume-state-length",
  "next-resume",
];

/**
 * Headers by which a proxy names the client, trusted only from a trusted peer. `x-forwarded-*` is matched by
 * its prefix.
 */
const CLIENT_ADDRESS: ReadonlySet<string> = new Set([
  "forwarded",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
]);

/** Builds the rules for these options, once. */
export function headerRules(options: Pick<NativeOptions, "reservedNames" | "isTrustedPeer">): HeaderRules {
  const reserved = options.reservedNames.map((name) => foldName(name));
  return {
    refused: new Set([...REPLACED, "x-request-id", ...reserved]),
    isTrustedPeer: options.isTrustedPeer,
  };
}

/**
 * Returns the headers for the CMS: the client's headers without hop-by-hop, nominated, reserved and forged
 * ones, and then the gateway's own. The gateway's come last, so that no `Connection: x-request-id` can remove
 * one (CVE-2026-33805 and similar). The request's framing must already be validated. `undefined` if the
 * client has disconnected and so has no address.
 */
export function requestHeaders(
  request: IncomingMessage,
  requestId: string,
  rules: HeaderRules,
): OutgoingHeaders | undefined {
  const address = plainAddress(request.socket.remoteAddress);
  if (address === undefined) return undefined;
  const headers = request.headers;
  const trusted = rules.isTrustedPeer(address);
  const nominated = isOrdinary(headers.connection) ? undefined : nominatedNames(request.rawHeaders);
  // Without a `Host`, undici sends the target's own name.
  const outgoing: OutgoingHeaders = headers.host === undefined ? {} : { host: headers.host };
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || nominated?.has(name) === true) continue;
    const folded = name.includes("_") || name.includes(".") ? foldName(name) : name;
    if (isHopByHop(folded) || rules.refused.has(folded) || isNextInternal(folded)) continue;
    // An alias is dropped even from a trusted peer, which may have forwarded the client's own header without
    // recognising it.
    if (namesClient(folded) && (!trusted || folded !== name)) continue;
    outgoing[name] = value;
  }
  // Set from the parser and not in the loop, where a nomination could remove it. Without a length undici
  // sends a chunked body.
  if (headers["content-length"] !== undefined) outgoing["content-length"] = headers["content-length"];
  if (trusted) extendForwarded(outgoing, request, address);
  else assertForwarded(outgoing, request, address);
  outgoing["x-request-id"] = requestId;
  outgoing[LOOP_HEADER] = loopHeaderValue(outgoing[LOOP_HEADER]);
  return outgoing;
}

/** Sets the headers from the socket's data, for an untrusted peer. */
function assertForwarded(outgoing: OutgoingHeaders, request: IncomingMessage, address: string): void {
  outgoing["x-forwarded-for"] = address;
  outgoing["x-forwarded-proto"] = protocolOf(request);
  if (request.headers.host !== undefined) outgoing["x-forwarded-host"] = request.headers.host;
  if (request.socket.localPort !== undefined) outgoing["x-forwarded-port"] = String(request.socket.localPort);
}

/**
 * Appends the peer to a trusted peer's headers. The port is not set, since the gateway's differs from the
 * client's view.
 */
function extendForwarded(outgoing: OutgoingHeaders, request: IncomingMessage, address: string): void {
  const before = outgoing["x-forwarded-for"];
  outgoing["x-forwarded-for"] = before === undefined ? address : `${String(before)}, ${address}`;
  outgoing["x-forwarded-proto"] ??= protocolOf(request);
  if (request.headers.host !== undefined) outgoing["x-forwarded-host"] ??= request.headers.host;
}

function protocolOf(request: IncomingMessage): string {
  return "encrypted" in request.socket ? "https" : "http";
}

function namesClient(folded: string): boolean {
  return folded.startsWith("x-forwarded") || CLIENT_ADDRESS.has(folded);
}

/**
 * Headers of Next.js's browser client that look like internal ones of its server. Without `x-nextjs-data` a
 * redirect of a data request becomes a full page load. Without the two ids React's debug channel of `next
 * dev` waits indefinitely (Next 16).
 */
const SENT_BY_NEXT_CLIENT: ReadonlySet<string> = new Set([
  "x-middleware-prefetch",
  "x-nextjs-data",
  "x-nextjs-html-request-id",
  "x-nextjs-request-id",
]);

/**
 * True for headers that Next.js's server sends to itself. From outside, `x-middleware-subrequest` skips all
 * middleware (CVE-2025-29927) and `x-invoke-*` selects the route. Answers may contain any of them.
 */
function isNextInternal(folded: string): boolean {
  if (!folded.startsWith("x-") || SENT_BY_NEXT_CLIENT.has(folded)) return false;
  return ["x-middleware-", "x-nextjs-", "x-invoke-"].some((prefix) => folded.startsWith(prefix));
}

/** True for the `Connection` values that nominate nothing, so that nearly every request skips the parsing. */
function isOrdinary(connection: string | undefined): boolean {
  return connection === undefined || connection === "keep-alive" || connection === "close";
}

/**
 * Returns an IPv4 address in its plain form. Listeners on `::` get IPv4 clients as `::ffff:a.b.c.d`, but
 * settings and logs use the plain form.
 */
function plainAddress(address: string | undefined): string | undefined {
  return address?.startsWith("::ffff:") === true && address.includes(".") ? address.slice(7) : address;
}
