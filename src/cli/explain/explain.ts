import { randomUUID } from "node:crypto";
import { upstreamRoutesOf } from "../../app/config-snapshot.ts";
import type { Config } from "../../config/schema.ts";
import type { Clock } from "../../core/clock.ts";
import type { Outgoing } from "../../core/context.ts";
import { renderError, type Answer } from "../../core/envelope.ts";
import { GatewayError, toGatewayError } from "../../core/errors.ts";
import { carriesApiKey, type RawHeaders } from "../../core/headers.ts";
import { isPlainNativeTarget, isUnderPrefix, parseTarget } from "../../core/path.ts";
import { createPipeline, type Stages } from "../../partners/pipeline.ts";
import { deadline } from "../../partners/layers.ts";
import { scrub } from "../../observe/scrub.ts";
import { incomingOf, openStages } from "../stages.ts";
import { createChooseUpstream } from "../../partners/stages/choose-upstream.ts";
import { shapeOf } from "./redact.ts";
import { NotSent, shownRequest, Trace, type ShownRequest, type Step } from "./trace.ts";

/** The request that is to be explained. */
export interface Question {
  readonly method: string;
  readonly target: string;
  readonly headers: RawHeaders;
  readonly body: Buffer;
  /** Also send it to the CMS: a write is then a write. */
  readonly sends: boolean;
}

/** The result of `explain`. */
export interface Explanation {
  readonly method: string;
  readonly target: string;
  /** `ready`: the dry run ended before the CMS; `refused`: by a stage or the CMS; `native`: not a Partners request. */
  readonly verdict: "ready" | "answered" | "refused" | "native";
  readonly steps: readonly Step[];
  /** The request to the CMS, if the pipeline prepared one. */
  readonly upstream?: ShownRequest;
  /** The partner's response: the error envelope in full, a document by its shape. */
  readonly answer?: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
  /** The reason in the gateway's own words, which partners do not see. */
  readonly reason?: string;
}

/** Runs a request through the real stages. Without `sends` it ends before the request to the CMS. */
export async function explainRequest(config: Config, question: Question, clock: Clock): Promise<Explanation> {
  const { method, target } = question;
  const parsed = parseTarget(target);
  if (parsed.kind === "other") return native(config, question);
  const name = createChooseUpstream(upstreamRoutesOf(config))({
    target: parsed,
    headers: question.headers,
  }).upstream;
  const trace = new Trace(clock);
  let prepared: Outgoing | undefined;
  const { stages: real, close } = openStages(config, {
    name,
    clock,
    through: (upstream) => trace.upstream(upstream),
  });
  try {
    const stages: Stages = {
      ...real,
      async forward(request) {
        prepared = request.outgoing;
        if (!question.sends) throw new NotSent();
        return await real.forward(request);
      },
    };
    const incoming = incomingOf(question, parsed);
    const run = deadline(config.partners.deadline, clock)(createPipeline(trace.stages(stages)));
    const ended = await run(incoming).then(
      (answer) => ({ answer, error: undefined }),
      (thrown: unknown) => {
        const error = toGatewayError(thrown);
        return { answer: renderError(error, incoming.requestId), error };
      },
    );
    const shown = prepared === undefined ? {} : { upstream: shownRequest(prepared) };
    const told = { method, target, steps: trace.steps, ...shown };
    if (trace.steps.at(-1)?.outcome === "stopped") return { ...told, verdict: "ready" };
    const verdict = ended.error === undefined ? "answered" : "refused";
    return { ...told, verdict, answer: shownAnswer(ended.answer), ...reasonOf(ended.error) };
  } finally {
    await close();
  }
}

/** Explains a request outside /partners by the rules of the server and of the native guard: its target, and a key. */
function native(config: Config, { method, target, headers }: Question): Explanation {
  const isNative = isUnderPrefix(target, config.native.prefixes);
  const told = { method, target, steps: [] };
  const isObserved = config.native.keys === "observe";
  const isAmbiguous = isNative && config.native.targets === "refuse" && !isPlainNativeTarget(target);
  if (isNative && !isAmbiguous && (isObserved || !carriesApiKey(headers))) {
    const more = carriesApiKey(headers) ? "; native.keyed but for native.keys: observe" : "";
    return { ...told, verdict: "native", reason: `passes through to the CMS untouched${more}` };
  }
  const code = carriesApiKey(headers) ? "native.keyed" : "route.unknown";
  const error = new GatewayError(isAmbiguous ? "request.malformed" : code);
  return {
    ...told,
    verdict: "refused",
    answer: shownAnswer(renderError(error, randomUUID())),
    reason: error.code,
  };
}

function shownAnswer({ status, headers, body }: Answer) {
  const value: unknown = JSON.parse(body.toString());
  return { status, headers, body: status >= 400 ? value : shapeOf(value) };
}

function reasonOf(error: GatewayError | undefined): { reason?: string } {
  if (error === undefined) return {};
  const { cause } = error;
  const words = cause instanceof Error ? cause.message : cause === undefined ? "" : JSON.stringify(cause);
  return { reason: words === "" ? error.code : `${error.code}: ${scrub(words)}` };
}
