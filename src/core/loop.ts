import { randomBytes } from "node:crypto";
import { valuesOf, type RawHeaders } from "./headers.ts";

/**
 * The header that lists the proxies of a request (RFC 8586). Unlike `Via`, it does not change a server's
 * answer.
 */
export const LOOP_HEADER = "cdn-loop";

/**
 * The id of this process only: a chain of gateways is no loop. It is random, so that no client can forge a
 * loop.
 */
const ID = randomBytes(12).toString("hex");
const MARK = `partners-gateway; id=${ID}`;

/** Returns the header's value for the next server: the received value, unchanged, and this process. */
export function loopHeaderValue(received?: string | readonly string[]): string {
  return received === undefined || received.length === 0 ? MARK : `${String(received)}, ${MARK}`;
}

/** Returns true for a request that this process has sent, directly or through other servers. */
export function isLoop(raw: RawHeaders): boolean {
  return valuesOf(raw, LOOP_HEADER).some((value) => value.includes(ID));
}
