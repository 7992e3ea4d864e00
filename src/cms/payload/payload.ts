import type { Config } from "../../config/schema.ts";
import type { OnForeign } from "../../core/foreign.ts";
import type { Cms, Upstream } from "../../core/ports.ts";
import { translate } from "./answer.ts";
import { isReservedId, recordId } from "./ids.ts";
import { Lookups } from "./lookups.ts";
import { writesTo } from "./native-writes.ts";
import { jobRequest } from "./outgoing.ts";
import { payloadSettings } from "./settings.ts";

/** What the adapter can be given besides. */
export interface PayloadExtras {
  /** Told of every record outside the scope that an answer of the CMS held. */
  readonly onForeign?: OnForeign;
  /** What is asked through where anybody can cause the question, by inventing a key. */
  readonly strangers?: Upstream;
}

/** The port `Cms` for Payload 3 (measured on 3.86 and 3.90), asked through `upstream`. */
export function createPayloadCms(config: Config, upstream: Upstream, extras: PayloadExtras = {}): Cms {
  const settings = payloadSettings(config, extras.onForeign);
  const lookups = new Lookups(settings, upstream);
  const strangers = new Lookups(settings, extras.strangers ?? upstream);
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
    outsiders: (body, principal, asking) => {
      const { credential } = principal;
      const sender = { credential, requestId: asking.requestId, tenant: body.tenant };
      return lookups.outsiders(body, sender, asking);
    },
    outgoing: (job) => jobRequest(job, settings),
    translate: (answer, job) => translate(answer, job, settings),
    writesTo: (request) => writesTo(request, settings),
  };
}
