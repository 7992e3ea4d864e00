import type { Outgoing, WireForm } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { isPlainNativeTarget } from "../../core/path.ts";

/** A header's name (RFC 9110 section 5.1), and the value characters (section 5.5) that a client can write. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/**
 * Throws `gateway.fault` for a request that must not or cannot be written: an ambiguous target, a target on
 * another host, or an invalid header. Every part was validated before, so this is the last line of defence.
 * The check runs before undici: undici 8.12 rejects such a request and then leaves the connection that it
 * chose for it idle indefinitely.
 */
export function assertSendable({ sentAs, ...form }: Outgoing): void {
  assertWritable(form);
  if (sentAs !== undefined) assertWritable(sentAs);
}

function assertWritable({ target, headers }: WireForm): void {
  if (!isPlainNativeTarget(target))
    throw new GatewayError("gateway.fault", { cause: "a target that can be read in two ways" });
  const isPlain = headers.every((text, i) => (i % 2 === 0 ? NAME : VALUE).test(text));
  if (!isPlain || headers.length % 2 !== 0)
    throw new GatewayError("gateway.fault", { cause: "a header that cannot be written" });
}
