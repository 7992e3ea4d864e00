import type { AccessLogFields } from "../../core/access-log.ts";
import type { Clock } from "../../core/clock.ts";
import type { Outgoing } from "../../core/context.ts";
import { toGatewayError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { Upstream } from "../../core/ports.ts";
import { withoutSecrets } from "./redact.ts";

/** A request that a stage sent to the CMS, and the status of the response. */
export interface Asked {
  readonly request: ShownRequest;
  readonly status: number | undefined;
  readonly ms: number;
}

/** A request to the CMS as the output shows it. */
export interface ShownRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The work of one stage. */
export interface Step {
  readonly stage: string;
  readonly outcome: "passed" | "refused" | "stopped";
  readonly ms: number;
  /** The evidence that the stage added to the request for the stages after it. */
  readonly adds: Readonly<Record<string, unknown>>;
  /** The source of each fact that the stage looked up: the cache, the CMS, a lookup in flight. */
  readonly from: Readonly<Record<string, string>>;
  readonly asked: readonly Asked[];
  /** The code of the error catalogue, if the stage refused the request. */
  readonly code?: string;
}

/** Ends a dry run in place of the request to the CMS. */
export class NotSent extends Error {}

/** The members of a request that steps show by other means, or that hold the CMS's response. */
const NOT_SHOWN: ReadonlySet<string> = new Set(["outgoing", "upstreamAnswer", "earlierAnswers"]);

/** Records the work of the pipeline's stages: each step is the difference that the stage made to the request. */
export class Trace {
  readonly steps: Step[] = [];
  readonly #clock: Clock;
  #asked: Asked[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the stages, traced. A stage that wraps the next ones (its second argument) gets no step of its own. */
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

  /** Returns the upstream, traced: its requests belong to the step of the stage that sends them. */
  upstream(real: Upstream): Upstream {
    return {
      send: async (outgoing, asking) => {
        const begun = this.#clock.now();
        let status: number | undefined;
        try {
          const answer = await real.send(outgoing, asking);
          ({ status } = answer);
          return answer;
        } finally {
          this.#asked.push({ request: shownRequest(outgoing), status, ms: this.#since(begun) });
        }
      },
    };
  }

  #watch(stage: string, request: unknown, work: () => unknown): unknown {
    const begun = this.#clock.now();
    const before = noteOf(request);
    const end = (outcome: Step["outcome"], adds: Step["adds"], more: Pick<Step, "code"> = {}): void => {
      const from = provenance(before, noteOf(request));
      this.steps.push({ stage, outcome, ms: this.#since(begun), adds, asked: this.#asked, from, ...more });
      this.#asked = [];
    };
    const passed = (result: unknown): unknown => {
      end("passed", added(request, result));
      return result;
    };
    const refused = (thrown: unknown): never => {
      if (thrown instanceof NotSent) end("stopped", {});
      else end("refused", {}, { code: toGatewayError(thrown).code });
      throw thrown;
    };
    try {
      const result = work();
      return result instanceof Promise ? result.then(passed, refused) : passed(result);
    } catch (thrown) {
      return refused(thrown);
    }
  }

  #since(begun: number): number {
    return Math.round((this.#clock.now() - begun) * 10) / 10;
  }
}

/** Returns a request to the CMS with digests in place of its secrets. */
export function shownRequest({ method, target, headers, body }: Outgoing): ShownRequest {
  const shown: Record<string, string> = {};
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = "", value = ""] = headers.slice(i, i + 2);
    shown[name] = withoutSecrets(name, value);
  }
  return { method, target, headers: shown, ...(body === undefined ? {} : { body }) };
}

/** The members of `after` that `before` does not have. */
function added(before: unknown, after: unknown): Record<string, unknown> {
  if (!isObject(before) || !isObject(after) || !("note" in after)) return {};
  return Object.fromEntries(
    Object.entries(after).filter(([name]) => !(name in before) && !NOT_SHOWN.has(name)),
  );
}

function noteOf(request: unknown): Partial<AccessLogFields> {
  return isObject(request) && isObject(request["note"]) ? { ...request["note"] } : {};
}

/** The source of each fact that was looked up between two states of a request's note. */
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
