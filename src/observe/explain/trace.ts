import type { Clock } from "../../core/clock.ts";
import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import { toGatewayError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { AccessLogFields } from "../../core/access-log.ts";
import type { LookupContext, Upstream } from "../../core/ports.ts";
import { withoutSecrets } from "./redact.ts";

/** A question that a stage put to the CMS, and its answer's status. */
export interface Asked {
  readonly request: ShownRequest;
  readonly status: number | undefined;
  readonly ms: number;
}

/** A request to the CMS as it may be shown. */
export interface ShownRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What one stage did. */
export interface Step {
  readonly stage: string;
  readonly outcome: "passed" | "refused" | "stopped";
  readonly ms: number;
  /** What the stage added to the request: the evidence for the stages after it. */
  readonly adds: Readonly<Record<string, unknown>>;
  /** Where remembered facts came from: memory, the CMS, somebody's question under way. */
  readonly from: Readonly<Record<string, string>>;
  readonly asked: readonly Asked[];
  /** The catalogue's code, where it refused. */
  readonly code?: string;
}

/** How much of a request is told. */
export interface Showing {
  request(outgoing: Outgoing): ShownRequest;
  /** What a stage added under that name. */
  fact(name: string, value: unknown): unknown;
}

/** For whoever has the request before him anyway: all of it but what authenticates. */
const WHOLE: Showing = { request: shownRequest, fact: (_, value) => value };

/** Watches the real stages at work. It knows none of them: what a stage adds to the request is what it decided. */
export class Trace {
  readonly steps: Step[] = [];
  /** True once a request was ready and was not to be sent. */
  isStopped = false;
  readonly #clock: Clock;
  readonly #sends: boolean;
  readonly #showing: Showing;
  #asked: Asked[] = [];

  /** `sends`: let the stage `forward` do its work. */
  constructor(clock: Clock, { sends, showing = WHOLE }: { sends: boolean; showing?: Showing }) {
    this.#clock = clock;
    this.#sends = sends;
    this.#showing = showing;
  }

  /** The same stages, watched. One that goes around others (it takes the next as its second argument) is left alone. */
  stages<S extends object>(real: S): S {
    return new Proxy(real, {
      get: (target, name) => {
        const stage: unknown = Reflect.get(target, name);
        if (typeof stage !== "function") return stage;
        return (request: unknown, ...next: unknown[]): unknown => {
          const work = (): unknown => Reflect.apply(stage, target, [request, ...next]);
          return next.length > 0 ? work() : this.#watch(String(name), request, work);
        };
      },
    });
  }

  /** The same upstream, watched. */
  upstream(real: Upstream): Upstream {
    return { send: (outgoing, asking) => this.send(real, outgoing, asking) };
  }

  /** Sends a request by `real`, watched. */
  async send(real: Upstream, outgoing: Outgoing, asking: LookupContext): Promise<UpstreamAnswer> {
    const begun = this.#clock.now();
    let status: number | undefined;
    try {
      const answer = await real.send(outgoing, asking);
      ({ status } = answer);
      return answer;
    } finally {
      this.#asked.push({ request: this.#showing.request(outgoing), status, ms: this.#since(begun) });
    }
  }

  #watch(stage: string, request: unknown, work: () => unknown): unknown {
    const begun = this.#clock.now();
    const before = noteOf(request);
    const end = (outcome: Step["outcome"], more: { result?: unknown; code?: string } = {}): void => {
      const { result, ...rest } = more;
      const step = {
        stage,
        outcome,
        ms: this.#since(begun),
        adds: this.#added(request, result),
        asked: this.#asked,
      };
      this.steps.push({ ...step, from: provenance(before, noteOf(request)), ...rest });
      this.#asked = [];
    };
    const passed = (result: unknown): unknown => {
      end("passed", { result });
      return result;
    };
    const refused = (thrown: unknown): never => {
      end("refused", { code: toGatewayError(thrown).code });
      throw thrown;
    };
    if (stage === "forward" && !this.#sends) {
      this.isStopped = true;
      end("stopped");
      throw new Error("not sent");
    }
    try {
      const result = work();
      return result instanceof Promise ? result.then(passed, refused) : passed(result);
    } catch (thrown) {
      return refused(thrown);
    }
  }

  /** Members of `after` that `before` does not have, as they are told. */
  #added(before: unknown, after: unknown): Record<string, unknown> {
    const facts: Record<string, unknown> = {};
    if (!isObject(before) || !isObject(after) || !("note" in after)) return facts;
    for (const [name, value] of Object.entries(after)) {
      // Told in full elsewhere: the answer of the CMS, by its shape.
      if (name in before || name === "outgoing" || name === "upstreamAnswer" || name === "earlierAnswers")
        continue;
      facts[name] = this.#showing.fact(name, value);
    }
    return facts;
  }

  #since(begun: number): number {
    return Math.round((this.#clock.now() - begun) * 10) / 10;
  }
}

/** A request to the CMS as it may be shown. */
export function shownRequest({ method, target, headers, body }: Outgoing): ShownRequest {
  const shown: Record<string, string> = {};
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = "", value = ""] = headers.slice(i, i + 2);
    shown[name] = withoutSecrets(name, value);
  }
  return { method, target, headers: shown, ...(body === undefined ? {} : { body }) };
}

function noteOf(request: unknown): Partial<AccessLogFields> {
  return isObject(request) && isObject(request["note"]) ? { ...request["note"] } : {};
}

/** How facts were found, of those that were found in between. */
function provenance(
  before: Partial<AccessLogFields>,
  after: Partial<AccessLogFields>,
): Record<string, string> {
  const known = new Map<string, unknown>(Object.entries(before));
  const found = Object.entries(after).filter(
    ([name, value]) => name.endsWith("Via") && known.get(name) !== value,
  );
  return Object.fromEntries(found.map(([name, value]) => [name.slice(0, -"Via".length), String(value)]));
}
