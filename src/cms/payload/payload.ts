import type { Config } from "../../config/schema.ts";
import type { Cms, Upstream } from "../../core/ports.ts";
import { translate } from "./answer.ts";
import { isReservedId, recordId } from "./ids.ts";
import { Lookups } from "./lookups.ts";
import { writesTo } from "./native-writes.ts";
import { jobRequest } from "./outgoing.ts";
import { payloadSettings, type OnForeign } from "./settings.ts";

/**
 * The port `Cms` for Payload 3 (measured on 3.86 and 3.90), asked through `upstream`. `onForeign` is told of every
 * record outside the scope that an answer of the CMS held.
 */
export function createPayloadCms(config: Config, upstream: Upstream, onForeign?: OnForeign): Cms {
  const settings = payloadSettings(config, onForeign);
  const lookups = new Lookups(settings, upstream);
  const textIds = new Set(settings.cms.textIds);
  return {
    probe: (asking) => lookups.probe(asking),
    identify: (key, asking) => lookups.identify(key, asking),
    findTenant: (ref, viewer, asking) => lookups.findTenant(ref, viewer, asking),
    recordId: (spelling, sample, collection) =>
      recordId(
        spelling,
        typeof sample === "number" && !(collection !== undefined && textIds.has(collection)),
      ),
    isReservedId,
    owns: (record, principal, asking) =>
      lookups.owns(
        record,
        { credential: principal.credential, requestId: asking.requestId, tenant: record.tenant },
        asking,
      ),
    outgoing: (job) => jobRequest(job, settings),
    translate: (answer, job) => translate(answer, job, settings),
    writesTo: (request) => writesTo(request, settings),
  };
}
