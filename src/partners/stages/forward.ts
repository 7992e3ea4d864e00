import type { Answered, Permitted, Prepared } from "../../core/context.ts";
import type { Answer } from "../../core/envelope.ts";
import { GatewayError } from "../../core/errors.ts";
import type { Cms, Job, Upstream } from "../../core/ports.ts";

/** The last three stages: build the request to the CMS, send it, and shape the answer. */

/**
 * Builds the request to the CMS from validated parts only. A write whose query is too long for the CMS is
 * `request.malformed`: if it were sent, the CMS's refusal would count as a failure of the CMS. A read has a
 * form for any length.
 */
export function createPrepare(deps: { readonly cms: Pick<Cms, "outgoing">; readonly maxUrl: number }) {
  return (request: Permitted): Prepared => {
    request.note.stage = "prepare";
    const outgoing = deps.cms.outgoing(jobOf(request));
    const { length } = (outgoing.sentAs ?? outgoing).target;
    if (length > deps.maxUrl)
      throw new GatewayError("request.malformed", { cause: `a URL of ${length} characters` });
    return { ...request, outgoing };
  };
}

/**
 * Sends the request and the follow-up requests of the CMS adapter. Rejects with an `upstream.*` error if no
 * whole answer came. After an answer that carried the job out, a follow-up cannot fail the request: a write
 * has happened.
 */
export function createForward(deps: { readonly upstream: Upstream; readonly cms: Pick<Cms, "followUp"> }) {
  const follow = async (answered: Answered): Promise<Answered> => {
    const answers = [...answered.earlierAnswers, answered.upstreamAnswer];
    const outgoing = deps.cms.followUp(jobOf(answered), answers);
    if (outgoing === undefined) return answered;
    try {
      const upstreamAnswer = await deps.upstream.send(outgoing, answered);
      return follow({ ...answered, outgoing, upstreamAnswer, earlierAnswers: answers });
    } catch (error) {
      if (answered.upstreamAnswer.status < 400) return answered;
      throw error;
    }
  };
  return async (request: Prepared): Promise<Answered> => {
    request.note.stage = "forward";
    const upstreamAnswer = await deps.upstream.send(request.outgoing, request);
    return follow({ ...request, upstreamAnswer, earlierAnswers: [] });
  };
}

/**
 * Shapes the answer. All headers are the gateway's own; no header of the CMS is forwarded. No shared cache
 * may store the answer, since it belongs to one tenant and one key (RFC 9111 section 5.2.2.7).
 */
export function createAnswer(deps: { readonly cms: Pick<Cms, "translate"> }) {
  return (request: Answered): Answer => {
    request.note.stage = "answer";
    const { status, body } = translated(() =>
      deps.cms.translate(request.upstreamAnswer, jobOf(request), request.earlierAnswers),
    );
    const headers = {
      ...request.version.headers,
      "content-type": "application/json; charset=utf-8",
      "cache-control": "private, no-store",
      "x-request-id": request.requestId,
    };
    return { status, headers, body };
  };
}

/**
 * Runs `translate`. If an answer is nested so deep that walking it overflows the stack, the CMS is at fault,
 * not the gateway.
 */
function translated<T>(translate: () => T): T {
  try {
    return translate();
  } catch (error) {
    if (error instanceof RangeError)
      throw new GatewayError("upstream.failed", { cause: "an answer nested too deep" });
    throw error;
  }
}

function jobOf(request: Permitted): Job {
  const { requestId, operation, version, path, tenant, principal, permit, fields } = request;
  return {
    requestId,
    operation,
    version: version.name,
    query: path.query,
    tenant,
    principal,
    permit,
    fields,
  };
}
