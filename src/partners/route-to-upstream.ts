import type { Answer } from "../core/envelope.ts";
import { GatewayError } from "../core/errors.ts";
import type { Choice } from "./stages/choose-upstream.ts";
import type { Incoming } from "../core/context.ts";
import type { Handler } from "./pipeline.ts";

/**
 * Routes each request to the pipeline of its CMS. The pipelines share nothing: the key, tenant and records of
 * a request all belong to one CMS.
 *
 * If the CMS that a tenant is pinned to rejects the key, the CMS of the version answers instead. A key that
 * is valid there gets the same 404 as for any tenant that its user is not a member of. A 401 would reveal
 * that the tenant is on another CMS.
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
  const throughWithFallback = async (request: Incoming, { upstream, ofVersion }: Choice): Promise<Answer> => {
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
      : throughWithFallback(request, choice);
  };
}
