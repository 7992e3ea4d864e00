import type { Answer } from "../core/envelope.ts";
import { GatewayError } from "../core/errors.ts";
import type { Choice } from "./stages/choose-upstream.ts";
import type { Incoming } from "../core/context.ts";
import type { Handler } from "./pipeline.ts";

/**
 * One pipeline for each CMS, none of which knows of the others: a request's key, tenant and records are all of one.
 * A key that is nobody's where a tenant is pinned to is answered as its version's own CMS has it: whoever is known there
 * is told that there is no such tenant, as of any that is not his, and not by a 401 that it is somewhere else.
 */
export function routeToUpstream(
  choose: (request: Incoming) => Choice,
  pipelines: ReadonlyMap<string, Handler>,
): Handler {
  const through = (upstream: string, request: Incoming): Promise<Answer> => {
    const pipeline = pipelines.get(upstream);
    if (pipeline === undefined) throw new GatewayError("gateway.fault", { cause: `no upstream ${upstream}` });
    request.note.upstream = upstream;
    return pipeline(request);
  };
  const throughEither = async (request: Incoming, { upstream, ofVersion }: Choice): Promise<Answer> => {
    try {
      return await through(upstream, request);
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== "key.rejected") throw error;
      return through(ofVersion, request);
    }
  };
  return (request) => {
    const choice = choose(request);
    return choice.upstream === choice.ofVersion
      ? through(choice.upstream, request)
      : throughEither(request, choice);
  };
}
