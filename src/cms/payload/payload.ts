import type { Config } from "../../config/schema.ts";
import type { Cms, Upstream } from "../../core/ports.ts";
import { translate } from "./answer.ts";
import { isReservedId, recordId } from "./ids.ts";
import { Lookups } from "./lookups.ts";
import { jobRequest } from "./outgoing.ts";
import { payloadSettings } from "./settings.ts";

/**
 * The port `Cms` for Payload 3 (measured on 3.86 and 3.90), asked through `upstream`; through `lane` where anybody can
 * cause the question, by inventing a key.
 */
export function createPayloadCms(config: Config, upstream: Upstream, lane: Upstream = upstream): Cms {
  const settings = payloadSettings(config);
  const lookups = new Lookups(settings, upstream);
  const strangers = new Lookups(settings, lane);
  const textIds = new Set(settings.cms.textIds);
  return {
    probe: (asking) => lookups.probe(asking),
    identify: (key, asking) => strangers.identify(key, asking),
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
  };
}
