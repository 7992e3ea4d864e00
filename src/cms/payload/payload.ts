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
import { Questions } from "./questions.ts";
import { ReferenceCheck } from "./reference-check.ts";
import { inspectRecord } from "./revisions.ts";
import { followUp, isSettled } from "./steps.ts";
import { payloadSettings, type PayloadSettings } from "./settings.ts";

/** What the adapter can be given besides. */
export interface PayloadExtras {
  /** Told of what an answer of the CMS held that is outside the scope, or does not prove to be in it. */
  readonly tell?: AnswerEvents;
  /** What is asked through about keys that are not known as good: anybody can cause the question, by inventing one. */
  readonly strangers?: Upstream;
}

/** The port `Cms` for Payload 3 (measured on 3.86 and 3.90), asked through `upstream`. */
export function createPayloadCms(config: Config, upstream: Upstream, extras: PayloadExtras = {}): Cms {
  const settings = payloadSettings(config, extras.tell);
  const questions = new Questions(settings, upstream);
  const lookups = new Lookups(questions);
  const strangers = new Lookups(new Questions(settings, extras.strangers ?? upstream));
  const textIds = new Set(settings.cms.textIds);
  const versions = new Map(
    Object.entries(config.partners.versionSettings).map(([version, { fields }]) => [
      version,
      { ...settings, names: versionNames(fields) },
    ]),
  );
  const settingsOf = (version: string): PayloadSettings => versions.get(version) ?? settings;
  /** Does a job in the CMS's words: what the version calls otherwise is renamed before, in a refusal after. */
  const spoken = <T>(job: Job, run: (words: AskedJob, version: PayloadSettings) => T): T => {
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
    identify: (key, asking) => (asking.isUnknownKey === false ? lookups : strangers).identify(key, asking),
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
    outgoing: (job) => spoken(job, jobRequest),
    followUp: (job, answers) =>
      isSettled(job, answers, settings)
        ? undefined
        : spoken(job, (words, version) => followUp(words, answers, version)),
    translate: (answer, job, earlier = []) =>
      spoken(job, (words, version) => translate({ answer, earlier }, words, version)),
    knowsSender: (request, asking) => strangers.knowsSender(request, asking),
    writesTo: (request) => writesTo(request, settings),
  };
}
