import type { IncomingMessage } from "node:http";
import { foldName, isHopByHop, nominatedNames } from "../../core/headers.ts";
import { LOOP_HEADER, markedLoop } from "../../core/loop.ts";
import type { NativeOptions } from "./options.ts";

/** The headers of the request to the CMS, lower-case: nothing else is sent but what is the connection's own. */
export type OutgoingHeaders = Record<string, string | string[]>;

/** What is removed from every request, whoever sends it. */
export interface HeaderLaw {
  readonly refused: ReadonlySet<string>;
  readonly isTrustedPeer: (address: string) => boolean;
}

/**
 * `host` and `content-length` are set from facts after the client's headers; Node's server has answered `expect` already.
 * The last four speak for Next.js's own router or host; no browser sends them, and Next.js removes them itself.
 */
const SET_OR_SPENT = [
  "host",
  "content-length",
  "expect",
  "x-matched-path",
  "x-now-route-matches",
  "x-next-resume-state-length",
  "next-resume",
];

/** Headers by which a proxy names the client: believed of a trusted peer only. `x-forwarded-*` is told by its prefix. */
const SPEAKS_FOR_CLIENT: ReadonlySet<string> = new Set([
  "forwarded",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
]);

/** The law for these options, made once. */
export function headerLaw(options: Pick<NativeOptions, "reservedNames" | "isTrustedPeer">): HeaderLaw {
  const reserved = options.reservedNames.map((name) => foldName(name));
  return {
    refused: new Set([...SET_OR_SPENT, "x-request-id", ...reserved]),
    isTrustedPeer: options.isTrustedPeer,
  };
}

/**
 * What goes to the CMS: the client's headers less hop-by-hop, nominated, reserved and forged ones, and then the
 * gateway's own, last, so that no `Connection: x-request-id` can take one away (CVE-2026-33805 and its kin). The
 * request's framing must be plain. `undefined` where the client has gone and so has no address.
 */
export function requestHeaders(
  request: IncomingMessage,
  requestId: string,
  law: HeaderLaw,
): OutgoingHeaders | undefined {
  const address = plainAddress(request.socket.remoteAddress);
  if (address === undefined) return undefined;
  const headers = request.headers;
  const trusted = law.isTrustedPeer(address);
  const nominated = isOrdinary(headers.connection) ? undefined : nominatedNames(request.rawHeaders);
  // Without one the target's own name is sent.
  const outgoing: OutgoingHeaders = headers.host === undefined ? {} : { host: headers.host };
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || nominated?.has(name) === true) continue;
    const folded = name.includes("_") || name.includes(".") ? foldName(name) : name;
    if (isHopByHop(folded) || law.refused.has(folded) || isForNextAlone(folded)) continue;
    // An alias is dropped even from a trusted peer: it may have passed the client's on without knowing it.
    if (speaksForClient(folded) && (!trusted || folded !== name)) continue;
    outgoing[name] = value;
  }
  // From the parser, not the loop, which a nomination could lead. A body without a length undici sends in chunks.
  if (headers["content-length"] !== undefined) outgoing["content-length"] = headers["content-length"];
  if (trusted) extendForwarded(outgoing, request, address);
  else assertForwarded(outgoing, request, address);
  outgoing["x-request-id"] = requestId;
  outgoing[LOOP_HEADER] = markedLoop(outgoing[LOOP_HEADER]);
  return outgoing;
}

/** What the socket says of the client, for a peer whose word is not taken. */
function assertForwarded(outgoing: OutgoingHeaders, request: IncomingMessage, address: string): void {
  outgoing["x-forwarded-for"] = address;
  outgoing["x-forwarded-proto"] = protocolOf(request);
  if (request.headers.host !== undefined) outgoing["x-forwarded-host"] = request.headers.host;
  if (request.socket.localPort !== undefined) outgoing["x-forwarded-port"] = String(request.socket.localPort);
}

/** A trusted peer's account with the peer added; its port is not guessed, since ours is not the one the client saw. */
function extendForwarded(outgoing: OutgoingHeaders, request: IncomingMessage, address: string): void {
  const before = outgoing["x-forwarded-for"];
  outgoing["x-forwarded-for"] = before === undefined ? address : `${String(before)}, ${address}`;
  outgoing["x-forwarded-proto"] ??= protocolOf(request);
  if (request.headers.host !== undefined) outgoing["x-forwarded-host"] ??= request.headers.host;
}

function protocolOf(request: IncomingMessage): string {
  return "encrypted" in request.socket ? "https" : "http";
}

function speaksForClient(folded: string): boolean {
  return folded.startsWith("x-forwarded") || SPEAKS_FOR_CLIENT.has(folded);
}

/**
 * Headers of Next.js's client in the browser that look like its server's own. Without `x-nextjs-data` a redirect of a data
 * request becomes a full page load; without the two ids React's debug channel of `next dev` waits for ever (Next 16).
 */
const SENT_BY_NEXT_CLIENT: ReadonlySet<string> = new Set([
  "x-middleware-prefetch",
  "x-nextjs-data",
  "x-nextjs-html-request-id",
  "x-nextjs-request-id",
]);

/**
 * Headers that Next.js's server sends to itself: taken from outside, `x-middleware-subrequest` skips all middleware
 * (CVE-2025-29927) and `x-invoke-*` picks the route. Answers may hold any.
 */
function isForNextAlone(folded: string): boolean {
  if (!folded.startsWith("x-") || SENT_BY_NEXT_CLIENT.has(folded)) return false;
  return ["x-middleware-", "x-nextjs-", "x-invoke-"].some((prefix) => folded.startsWith(prefix));
}

/** True for the `Connection` values that nominate nothing, which spares nearly every request the parsing. */
function isOrdinary(connection: string | undefined): boolean {
  return connection === undefined || connection === "keep-alive" || connection === "close";
}

/** Listeners on `::` see IPv4 clients as `::ffff:a.b.c.d`; nobody lists their proxies or reads logs so. */
function plainAddress(address: string | undefined): string | undefined {
  return address?.startsWith("::ffff:") === true && address.includes(".") ? address.slice(7) : address;
}
