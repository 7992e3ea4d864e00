import type { Clock } from "../../core/clock.ts";
import type { Incoming } from "../../core/context.ts";
import { renderError, type Answer } from "../../core/envelope.ts";
import { isObject } from "../../core/json.ts";
import type { AccessLogFields } from "../../core/access-log.ts";
import type { Upstream } from "../../core/ports.ts";
import type { NativeRefusalEvent } from "../events.ts";
import { CAREFUL, carefulShape, shownCause, shownPath, shownTarget } from "./careful.ts";
import type { Explanation } from "./explanation.ts";
import { Kept } from "./kept.ts";
import { secretsOf } from "./redact.ts";
import { Trace } from "./trace.ts";

type Handle = (request: Incoming) => Promise<Answer>;

/** An answer longer than that is told by its length: to find out its shape, it would be parsed a second time. */
const MOST_SHAPED = 262_144;

export interface RecorderOptions {
  readonly clock: Clock;
  /** The time of day in milliseconds since 1970. */
  readonly wallTime: () => number;
  /** How many requests are kept, and how many bytes of them. */
  readonly keep: number;
  readonly bytes: number;
}

/**
 * Keeps the explanations of the last requests: what `explain` would have shown of each at the time, told with care, since
 * whoever reads them did not send them. No key, no cookie, no address, no document and no word of a condition is kept.
 */
export class Recorder {
  readonly keep: number;
  readonly #options: RecorderOptions;
  readonly #kept: Kept;
  /** By what is one and the same object through all stages of a request. */
  readonly #traces = new WeakMap<AccessLogFields, Trace>();

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.keep = options.keep;
    this.#kept = new Kept(options.keep, options.bytes);
  }

  /** The explanation of a request, as JSON; `undefined` where it is not, or no longer, kept. */
  find(requestId: string): string | undefined {
    return this.#kept.find(requestId);
  }

  /** Around a whole request, its failures rendered: keeps what became of it. */
  readonly layer = (inner: Handle): Handle => {
    const { clock, wallTime } = this.#options;
    return async (request) => {
      const [begun, at] = [clock.now(), wallTime()];
      const trace = new Trace(clock, { sends: true, showing: CAREFUL });
      this.#traces.set(request.note, trace);
      const answer = await inner(request);
      const ms = Math.round((clock.now() - begun) * 10) / 10;
      this.#add(request.requestId, () => explanationOf(request, answer, { trace, at, ms }), request.headers);
      return answer;
    };
  };

  /** The pipeline that `create` makes of the stages, each request's own watched. */
  pipeline<S extends object>(stages: S, create: (stages: S) => Handle): Handle {
    return (request) => create(this.#traces.get(request.note)?.stages(stages) ?? stages)(request);
  }

  /** The same upstream; what is sent by it is told as part of the request that it is for. */
  upstream(real: Upstream): Upstream {
    return {
      send: (outgoing, asking) =>
        this.#traces.get(asking.note)?.send(real, outgoing, asking) ?? real.send(outgoing, asking),
    };
  }

  /** A request that was refused before any stage saw it. */
  refused({ requestId, method, error }: NativeRefusalEvent): void {
    const past = { requestId, at: new Date(this.#options.wallTime()).toISOString(), ms: 0 };
    this.#add(requestId, () => ({
      method,
      target: "…",
      verdict: "refused",
      steps: [],
      answer: shownAnswer(renderError(error, requestId)),
      reason: reasonOf(error),
      past,
    }));
  }

  #add(requestId: string, tell: () => Explanation, headers: Incoming["headers"] = []): void {
    try {
      const secrets = secretsOf(headers);
      const text = JSON.stringify(tell());
      this.#kept.add(
        requestId,
        withoutAddresses(secrets.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text)),
      );
    } catch {
      // The answer is out of our hands by then, and better than the story of it.
    }
  }
}

function explanationOf(
  { method, target, note, requestId }: Incoming,
  answer: Answer,
  { trace, at, ms }: { readonly trace: Trace; readonly at: number; readonly ms: number },
): Explanation {
  const sent = trace.steps.find(({ stage, asked }) => stage === "forward" && asked.length > 0)?.asked.at(-1);
  return {
    method,
    target:
      target.kind === "partners"
        ? shownTarget(["partners", ...target.path.segments], target.path.query)
        : "…",
    verdict: answer.status >= 400 ? "refused" : "answered",
    steps: trace.steps,
    ...(sent === undefined ? {} : { upstream: sent.request }),
    answer: shownAnswer(answer),
    ...(note.code === undefined ? {} : { reason: reasonOf({ code: note.code, cause: note.cause }) }),
    past: {
      requestId,
      at: new Date(at).toISOString(),
      ms,
      ...(note.upstream === undefined ? {} : { cms: note.upstream }),
      ...(note.sharedWith === undefined ? {} : { sharedWith: note.sharedWith }),
    },
  };
}

/** The envelope without the words of a validation; a document's shape. */
function shownAnswer({ status, headers, body }: Answer) {
  const value = body.length > MOST_SHAPED ? undefined : readJson(body.toString());
  if (value === undefined) return { status, headers, body: `${body.length} bytes` };
  if (status < 400 || !isObject(value)) return { status, headers, body: carefulShape(value) };
  const { error, message, requestId, errors } = value;
  const fields = Array.isArray(errors)
    ? { errors: errors.map((one: unknown) => ({ path: shownPath(isObject(one) && one["path"]) })) }
    : {};
  return { status, headers, body: { error, message, requestId, ...fields } };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf({ code, cause }: { readonly code: string; readonly cause?: unknown }): string {
  const words = shownCause(cause);
  return words === "" ? code : `${code}: ${words}`;
}

/** Without e-mail addresses, wherever they got in: a tenant's slug, an application's name. */
function withoutAddresses(text: string): string {
  return text.replace(/(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+/g, "[e-mail]");
}
