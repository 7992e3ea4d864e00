import { randomBytes } from "node:crypto";
import { valuesOf, type RawHeaders } from "./headers.ts";

/** Names every proxy that a request has been through (RFC 8586). Unlike `Via`, no server changes its answer for it. */
export const LOOP_HEADER = "cdn-loop";

/** Of this process alone: other gateways in a chain are no loop, and no client can guess it to have a request refused. */
const ID = randomBytes(12).toString("hex");
const MARK = `partners-gateway; id=${ID}`;

/** The header's value for the next server: what has come, unchanged, and this process. */
export function markedLoop(received?: string | readonly string[]): string {
  return received === undefined || received.length === 0 ? MARK : `${String(received)}, ${MARK}`;
}

/** True for a request that this process has sent itself, directly or through other servers. */
export function hasComeBack(raw: RawHeaders): boolean {
  return valuesOf(raw, LOOP_HEADER).some((value) => value.includes(ID));
}
