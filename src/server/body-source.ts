import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { BodySource } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";
import type { Cancellation } from "../core/async/cancellation.ts";
import { announcesBody } from "../http/proxy/guard.ts";

/**
 * The source of a body. `expectsContinue` is true if the client waits for a 100 before it sends (RFC 9110,
 * 10.1.1).
 */
export interface BodyOrigin {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly expectsContinue: boolean;
  /** The longest pause of the client in milliseconds. */
  readonly pause: number;
  readonly clock: Clock;
}

/**
 * Creates the body of a Node request. It is read only when a stage asks for it, so that a refused request
 * never gets a 100.
 */
export function createBodySource(origin: BodyOrigin): BodySource {
  const { request, response, expectsContinue, pause, clock } = origin;
  let reading: Promise<Buffer> | undefined;
  const begin = (limit: number, signal: Cancellation): Promise<Buffer> => {
    const announced = Number.parseInt(request.headers["content-length"] ?? "", 10);
    const tooLarge = () => new GatewayError("body.too-large", { params: { limit } });
    if (announced > limit) return Promise.reject(tooLarge());
    // RFC 9112 section 6.3: without a length and a transfer coding there is no body. With Node's
    // `optimizeEmptyRequests` such a request emits no `end`.
    if (!announcesBody(request)) return Promise.resolve(Buffer.alloc(0));
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const fail = (error: GatewayError) => settle(() => reject(error));
      const stalled = (cause?: unknown) => fail(new GatewayError("request.stalled", { cause }));
      let movedAt = clock.now();
      // A single timer for the whole body: a new timer per chunk would cost more than the chunk.
      const look = () => {
        const left = movedAt + pause - clock.now();
        if (left > 0) cancel = clock.after(left, look);
        else stalled(`no byte of the body in ${pause} ms`);
      };
      let cancel = clock.after(pause, look);
      const settle = (finish: () => void) => {
        cancel();
        request.off("data", onData).off("end", onEnd).off("error", onBroken).off("close", onBroken);
        signal.removeEventListener("abort", onAbort);
        finish();
      };
      const onData = (chunk: Buffer) => {
        movedAt = clock.now();
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > limit) fail(tooLarge());
      };
      const onEnd = () => settle(() => resolve(Buffer.concat(chunks)));
      const onBroken = () => stalled();
      const onAbort = () => stalled(signal.reason);
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      request.on("data", onData).once("end", onEnd).once("error", onBroken).once("close", onBroken);
      if (expectsContinue) response.writeContinue();
    });
  };
  // The client sends the body once, but a request that involves two CMSs reads it twice.
  return { read: (limit, signal) => (reading ??= begin(limit, signal)) };
}
