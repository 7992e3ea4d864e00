import type { Answered, Permitted, Prepared, UpstreamAnswer } from "../core/context.ts";
import type { Answer } from "../core/envelope.ts";
import { GatewayError } from "../core/errors.ts";
import type { Cms, Job, Translation, Upstream } from "../core/ports.ts";

/** The last three stages: build the request to the CMS, send it, shape what comes back. */

/**
 * Builds the outgoing request from validated parts alone. A query that grows too long for the CMS when it is rebuilt is
 * `request.malformed`: sent, it would come back as a failure of the CMS's.
 */
export function createPrepare(deps: { readonly cms: Pick<Cms, "outgoing">; readonly maxUrl: number }) {
  return (request: Permitted): Prepared => {
    request.note.stage = "prepare";
    const outgoing = deps.cms.outgoing(jobOf(request));
    const { length } = outgoing.target;
    if (length > deps.maxUrl)
      throw new GatewayError("request.malformed", { cause: `a URL of ${length} characters` });
    return { ...request, outgoing };
  };
}

/** Sends it. Rejects with an `upstream.*` error where no whole answer came. */
export function createForward(deps: { readonly upstream: Upstream }) {
  return async (request: Prepared): Promise<Answered> => {
    request.note.stage = "forward";
    return { ...request, upstreamAnswer: await deps.upstream.send(request.outgoing, request) };
  };
}

/**
 * Shapes the answer. Its headers are ours: none of the CMS's is passed on. Nobody in between may keep it, since it is
 * one tenant's, by its key (RFC 9111 section 5.2.2.7).
 */
export function createAnswer(deps: { readonly cms: Pick<Cms, "translate"> }) {
  const translate = onceForAll((answer, job) => translated(() => deps.cms.translate(answer, job)));
  return (request: Answered): Answer => {
    request.note.stage = "answer";
    const { status, body } = translate(request.upstreamAnswer, jobOf(request));
    const headers = {
      ...request.version.headers,
      "content-type": "application/json; charset=utf-8",
      "cache-control": "private, no-store",
      "x-request-id": request.requestId,
    };
    return { status, headers, body };
  };
}

type Translate = (answer: UpstreamAnswer, job: Job) => Translation;

/**
 * The same, which makes of an answer that several requests share one translation for all who asked in the same words.
 * The CMS was asked for the same in the name of the same key; how it is told may still differ.
 */
function onceForAll(translate: Translate): Translate {
  const made = new WeakMap<UpstreamAnswer, { readonly job: Job; readonly translation: Translation }>();
  return (answer, job) => {
    if (answer.isShared !== true) return translate(answer, job);
    const known = made.get(answer);
    if (known !== undefined && isSameWording(known.job, job)) return known.translation;
    const translation = translate(answer, job);
    made.set(answer, { job, translation });
    return translation;
  };
}

/** True where all that a translation depends on, but for the answer itself, is the same. */
function isSameWording(one: Job, other: Job): boolean {
  return (
    one.query === other.query &&
    one.version === other.version &&
    one.operation.kind === other.operation.kind &&
    one.operation.collection === other.operation.collection &&
    one.permit.recordId === other.permit.recordId &&
    one.tenant.id === other.tenant.id &&
    one.principal.userId === other.principal.userId &&
    one.permit.scope.length === other.permit.scope.length &&
    one.permit.scope.every((id, i) => id === other.permit.scope[i])
  );
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
