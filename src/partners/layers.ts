import type { Clock } from "../core/clock.ts";
import type { Incoming } from "../core/context.ts";
import type { Answer } from "../core/envelope.ts";
import { renderError } from "../core/envelope.ts";
import { GatewayError, toGatewayError } from "../core/errors.ts";
import type { AccessLogFields } from "../core/access-log.ts";
import { withSlot } from "../core/async/with-slot.ts";
import { BufferedBytesLimiter } from "../core/buffered-bytes.ts";
import type { Tracer } from "../core/trace.ts";
import type { Handler } from "./pipeline.ts";

/** A function from handler to handler. Layers surround the pipeline and add no evidence to a request. */
export type Layer = (inner: Handler) => Handler;

/** The report of one finished request. Times are in milliseconds. */
export interface RequestReport {
  readonly requestId: string;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
  readonly note: AccessLogFields;
}

/** Calls `report` for every request when its final status is known. */
export function reportRequests(report: (finished: RequestReport) => void, clock: Clock): Layer {
  return (inner) => async (request) => {
    const begun = clock.now();
    const answer = await inner(request);
    const { requestId, method, note } = request;
    report({ requestId, method, status: answer.status, ms: clock.now() - begun, note });
    return answer;
  };
}

/** Traces every request with `tracer`. Its requests to the CMS belong to the same trace. */
export function withServerSpans(tracer: Tracer): Layer {
  return (inner) => async (request) => {
    const span = tracer.begin(request);
    request.note.traceId = span.traceId;
    let status = 500;
    try {
      const answer = await inner({ ...request, span });
      ({ status } = answer);
      return answer;
    } finally {
      span.end(status);
    }
  };
}

/** Turns any thrown value into the error envelope. Never throws. */
export const renderErrors: Layer = (inner) => async (request) => {
  try {
    return await inner(request);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    request.note.code = error.code;
    request.note.cause = error.cause;
    return renderError(error, request.requestId);
  }
};

/**
 * Aborts a request that takes longer than `ms`. Its signal reaches every await, so no work continues in vain.
 */
export function deadline(ms: number, clock: Clock): Layer {
  return (inner) => async (request) => {
    const cancel = clock.after(ms, () =>
      request.signal.abort(new GatewayError("upstream.timeout", { cause: "deadline" })),
    );
    try {
      return await inner(request);
    } finally {
      cancel();
    }
  };
}

/** A layer that limits the requests in flight. */
export interface Admission {
  readonly layer: Layer;
  /** The current requests in flight, answers included that clients have not read to the end. */
  readonly inFlight: number;
}

/**
 * Refuses a request beyond `max` in flight at once, so that the client can try another replica. A request
 * counts until its answer has been written. All such answers together hold at most `maxUnsent` bytes: unread
 * answers would otherwise use memory without a limit. Error answers are small and do not count.
 */
export function admission({
  max,
  maxUnsent,
}: {
  readonly max: number;
  readonly maxUnsent: number;
}): Admission {
  let inFlight = 0;
  const unsent = new BufferedBytesLimiter(maxUnsent, "gateway.busy");
  const release = (): void => void (inFlight -= 1);
  return {
    get inFlight() {
      return inFlight;
    },
    layer: (inner) => async (request) => {
      if (inFlight >= max) throw new GatewayError("gateway.busy");
      unsent.admit("all");
      inFlight += 1;
      return await withSlot(request, release, async () =>
        unsent.room("all", request).keep(await inner(request)),
      );
    },
  };
}

/**
 * Wraps a pipeline in layers, outermost first:
 * - record is outside rescue: a failure is logged too, with the status that the partner received;
 * - rescue is outside the rest: a deadline or a refusal is answered with the envelope;
 * - deadline is outside admission: it covers everything inside.
 */
export function withLayers(
  pipeline: Handler,
  layers: readonly Layer[],
): (request: Incoming) => Promise<Answer> {
  return layers.reduceRight((inner, layer) => layer(inner), pipeline);
}
