import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/** Returns the token of `Authorization: Bearer <token>`. */
export function bearerOf({ headers }: IncomingMessage): string | undefined {
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1];
}

/** Returns the password of `Authorization: Basic`, by which a browser can ask for a token (RFC 7617). */
function passwordOf({ headers }: IncomingMessage): string | undefined {
  const [, credentials] = /^Basic ([\w+/=-]+)$/i.exec(headers.authorization ?? "") ?? [];
  if (credentials === undefined) return undefined;
  const pair = Buffer.from(credentials, "base64").toString();
  return pair.includes(":") ? pair.slice(pair.indexOf(":") + 1) : undefined;
}

/** Compares digests, so that neither time nor length reveals how much of a guess was right. */
export function isSame(given: string | undefined, token: string): boolean {
  return given !== undefined && timingSafeEqual(sha256(given), sha256(token));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/**
 * True if this request may read the status page and the metrics. With a token set, the request must have it
 * as a bearer token or as a Basic password. Without one, every client of the port may read; on loopback, only
 * if `Host` is an own name of this machine. Otherwise a web page in the operator's browser could resolve its
 * own name to 127.0.0.1 and read everything (DNS rebinding).
 */
export function hasReadAccess(request: IncomingMessage, token: string | undefined): boolean {
  if (token !== undefined) return isSame(bearerOf(request) ?? passwordOf(request), token);
  return !isLoopback(request.socket.localAddress ?? "") || isOwnName(request.headers.host ?? "");
}

function isOwnName(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return name === "localhost" || isIP(name) !== 0;
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}
