import type { Outgoing, WireForm } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { isPlainNativeTarget } from "../../core/path.ts";

/** A header's name (RFC 9110 section 5.1), and what its value may hold (section 5.5) and a client can write. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/**
 * Refuses, as `gateway.fault`, a request that must not or cannot be written: its target could be read in two ways or
 * leads to another host, or a header holds what no header can. All is built from judged parts, so that this is the last
 * line. It stands before the client and not behind it: undici 8.12 rejects such a request, and then keeps the
 * connection that it had chosen for it idle for ever.
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
