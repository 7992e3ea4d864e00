import { toGatewayError } from "../../core/errors.ts";
import type { Upstream } from "../../core/ports.ts";
import { traceparentOf } from "../../core/trace.ts";

/**
 * Wraps an upstream so that each request is a span of its partner request, and sends the trace context to the
 * CMS.
 */
export function withClientSpans(upstream: Upstream): Upstream {
  return {
    async send(outgoing, asking) {
      const span = asking.span?.ask(outgoing);
      if (span === undefined) return upstream.send(outgoing, asking);
      const headers = [...outgoing.headers, "traceparent", traceparentOf(span.context)];
      try {
        const answer = await upstream.send({ ...outgoing, headers }, asking);
        span.end({ status: answer.status });
        return answer;
      } catch (error) {
        span.end({ code: toGatewayError(error).code });
        throw error;
      }
    },
  };
}
