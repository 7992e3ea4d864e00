import type { Clock } from "../core/clock.ts";
import type { Incoming } from "../core/context.ts";
import type { Answer } from "../core/envelope.ts";
import { renderError } from "../core/envelope.ts";
import { GatewayError, toGatewayError } from "../core/errors.ts";
import type { AccessLogFields } from "../core/access-log.ts";
import { inPlace } from "../core/place.ts";
import { Unsent } from "../core/unsent.ts";
import type { Tracer } from "../core/trace.ts";
import type { Handler } from "./pipeline.ts";

/** What adds no evidence goes around the whole: each layer is a function from handler to handler. */
export type Layer = (inner: Handler) => Handler;

/** One finished request, for who watches. Milliseconds. */
export interface RequestReport {
  readonly requestId: string;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
  readonly note: AccessLogFields;
}

/** Tells `report` of every request when its final status is known. */
export function record(report: (finished: RequestReport) => void, clock: Clock): Layer {
  return (inner) => async (request) => {
    const begun = clock.now();
    const answer = await inner(request);
    const { requestId, method, note } = request;
    report({ requestId, method, status: answer.status, ms: clock.now() - begun, note });
    return answer;
  };
}

/** Tells `tracer` of every request; what is asked of the CMS for it is told as part of it. */
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

/** Turns whatever is thrown into the envelope. Cannot throw itself. */
export const rescue: Layer = (inner) => async (request) => {
  try {
    return await inner(request);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    request.note.code = error.code;
    request.note.cause = error.cause;
    return renderError(error, request.requestId);
  }
};

/** Ends a request that takes longer than `ms`; its signal reaches every await, so that nothing goes on in vain. */
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

/** A layer that lets so many requests in at the same time. */
export interface Admission {
  readonly layer: Layer;
  /** Requests inside, now, and answers that are not read to their end. */
  readonly inFlight: number;
}

/**
 * Refuses a request beyond `max` at the same time, at once: what cannot be served soon is better tried elsewhere. A place is
 * held until its answer has been written, and all such answers together are at most `maxUnsent` bytes: the memory of
 * answers that nobody reads would have no limit. Errors are small.
 */
export function admission({
  max,
  maxUnsent,
}: {
  readonly max: number;
  readonly maxUnsent: number;
}): Admission {
  let inFlight = 0;
  const unsent = new Unsent(maxUnsent, "gateway.busy");
  const leave = (): void => void (inFlight -= 1);
  return {
    get inFlight() {
      return inFlight;
    },
    layer: (inner) => async (request) => {
      if (inFlight >= max) throw new GatewayError("gateway.busy");
      unsent.admit("all");
      inFlight += 1;
      return await inPlace(request, leave, async () =>
        unsent.room("all", request).keep(await inner(request)),
      );
    },
  };
}

/**
 * The layers around a pipeline, outermost first:
 * - record outside rescue: a failure must still be logged, with the status that the partner saw;
 * - rescue outside the rest: a deadline or a full house is answered in the envelope;
 * - deadline outside admission: the clock runs for whatever happens inside.
 */
export function inLayers(
  pipeline: Handler,
  layers: readonly Layer[],
): (request: Incoming) => Promise<Answer> {
  return layers.reduceRight((inner, layer) => layer(inner), pipeline);
}
