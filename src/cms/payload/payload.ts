import type { Config } from "../../config/schema.ts";
import type { AnswerEvents } from "../../core/foreign.ts";
import type { Cms, Job, Upstream } from "../../core/ports.ts";
import { translate } from "./answer.ts";
import { restores } from "./body.ts";
import { idKindOf, isReservedId, recordId } from "./ids.ts";
import { Lookups } from "./lookups.ts";
import { writesTo } from "./native-writes.ts";
import { inwardFields, outwardRefusal, versionNames } from "./names.ts";
import { jobRequest } from "./outgoing.ts";
import { readQuery } from "./client-query.ts";
import type { AskedJob } from "./query.ts";
import { LookupClient } from "./lookup-client.ts";
import { ReferenceCheck } from "./reference-check.ts";
import { inspectRecord } from "./revisions.ts";
import { followUp, isSettled } from "./steps.ts";
import { payloadSettings, type PayloadSettings } from "./settings.ts";

/** Optional dependencies of the adapter. */
export interface PayloadExtras {
  /**
   * Receives the values of answers that are outside the scope or do not prove to be in it, and the unreadable
   * records.
   */
  readonly tell?: AnswerEvents;
  /**
   * The upstream for lookups of keys that are not known to be valid. Any client can cause these, by inventing
   * keys.
   */
  readonly strangers?: Upstream;
}

/** Creates the `Cms` port for Payload 3 (measured on 3.86 and 3.90). Its requests go through `upstream`. */
export function createPayloadCms(config: Config, upstream: Upstream, extras: PayloadExtras = {}): Cms {
  const settings = payloadSettings(config, extras.tell);
  const questions = new LookupClient(settings, upstream);
  const lookups = new Lookups(questions);
  const unknownKeyLookups = new Lookups(new LookupClient(settings, extras.strangers ?? upstream));
  const textIds = new Set(settings.cms.textIds);
  const versions = new Map(
    Object.entries(config.partners.versionSettings).map(([version, { fields }]) => [
      version,
      { ...settings, names: versionNames(fields) },
    ]),
  );
  const settingsOf = (version: string): PayloadSettings => versions.get(version) ?? settings;
  /**
   * Runs a step of a job with the CMS's field names. The fields of the body are renamed before, the fields of
   * a refusal after.
   */
  const inCmsNames = <T>(job: Job, run: (cmsJob: AskedJob, version: PayloadSettings) => T): T => {
    const version = settingsOf(job.version);
    const names = version.names(job.operation.collection);
    try {
      return run({ ...job, asked: readQuery(job.query), fields: inwardFields(job.fields, names) }, version);
    } catch (thrown) {
      throw outwardRefusal(thrown, names);
    }
  };
  return {
    probe: (asking) => lookups.probe(asking),
    identify: (key, asking) =>
      (asking.isUnknownKey === false ? lookups : unknownKeyLookups).identify(key, asking),
    findTenant: (ref, viewer, asking) => lookups.findTenant(ref, viewer, asking),
    recordId: (spelling, sample, collection) =>
      recordId(spelling, collection !== undefined && textIds.has(collection) ? "text" : idKindOf(sample)),
    isReservedId,
    inspect: ({ version, ...record }, { credential }, asking) => {
      const fields = inwardFields(record.fields, settingsOf(version).names(record.collection));
      const sender = { credential, requestId: asking.requestId, tenant: record.tenant };
      return inspectRecord({ ...record, isRestored: restores(fields) }, { questions, sender }, asking);
    },
    async outsiders(body, principal, asking) {
      const { credential } = principal;
      const names = settingsOf(body.version).names(body.collection);
      const sender = { credential, requestId: asking.requestId, tenant: body.tenant };
      const check = new ReferenceCheck(questions, sender, asking);
      const paths = await check.outsiders({ ...body, fields: inwardFields(body.fields, names) });
      return paths.map((path) => names.outward(path) ?? path);
    },
    outgoing: (job) => inCmsNames(job, jobRequest),
    followUp: (job, answers) =>
      isSettled(job, answers, settings)
        ? undefined
        : inCmsNames(job, (cmsJob, version) => followUp(cmsJob, answers, version)),
    translate: (answer, job, earlier = []) =>
      inCmsNames(job, (cmsJob, version) => translate({ answer, earlier }, cmsJob, version)),
    knowsSender: (request, asking) => unknownKeyLookups.knowsSender(request, asking),
    writesTo: (request) => writesTo(request, settings),
  };
}
