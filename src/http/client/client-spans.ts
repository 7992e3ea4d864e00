import { toGatewayError } from "../../core/errors.ts";
import type { Upstream } from "../../core/ports.ts";
import { traceparentOf } from "../../core/trace.ts";

/** The same upstream, whose requests are spans of the partner request that they are for, and tell the CMS of it. */
export function withClientSpans(upstream: Upstream): Upstream {
  return {
    async send(outgoing, asking) {
      const question = asking.span?.ask(outgoing);
      if (question === undefined) return upstream.send(outgoing, asking);
      const headers = [...outgoing.headers, "traceparent", traceparentOf(question.context)];
      try {
        const answer = await upstream.send({ ...outgoing, headers }, asking);
        question.end({ status: answer.status });
        return answer;
      } catch (error) {
        question.end({ code: toGatewayError(error).code });
        throw error;
      }
    },
  };
}
