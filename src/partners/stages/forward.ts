import type { Answered, Permitted, Prepared } from "../../core/context.ts";
import type { Answer } from "../../core/envelope.ts";
import { GatewayError } from "../../core/errors.ts";
import type { Cms, Job, Upstream } from "../../core/ports.ts";

/** The last three stages: build the request to the CMS, send it, shape what comes back. */

/**
 * Builds the outgoing request from validated parts alone. A write whose query is too long for the CMS is
 * `request.malformed`: sent, it would come back as a failure of the CMS's. A read has a form for any length.
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
 * Sends it, and what the CMS adapter lets follow. Rejects with an `upstream.*` error where no whole answer came. What follows
 * an answer that carried the job out cannot fail it any more: a write has happened.
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
 * Shapes the answer. Its headers are ours: none of the CMS's is passed on. Nobody in between may keep it, since it is
 * one tenant's, by its key (RFC 9111 section 5.2.2.7).
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

/** An answer nested so deep that walking it overflows the stack is the CMS's fault, not one of ours to be called out for. */
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
