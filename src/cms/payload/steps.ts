import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import type { Job } from "../../core/ports.ts";
import { formOf, jobRequest, listRequest, updateById } from "./outgoing.ts";
import { proofRequest } from "./proof.ts";
import { probeQuery, readSort, type AskedJob } from "./query.ts";
import { whereLimits, type PayloadSettings } from "./settings.ts";
import { readWhere } from "../../core/where.ts";

/**
 * The requests by which a job is carried out: the first, and those that follow where Payload refuses one in a way that does
 * not tell whose mistake it was. Payload 3.90 answers 400 to a list sorted by a field that it cannot sort by, and 500 to a
 * condition that compares with a value of the wrong type (a word with a date), as it does when it is broken itself.
 *
 * After the answer that carried the job out, the question for the proofs of its virtual fields may follow (`proof.ts`).
 *
 * `asked`: the request as the partner asked. `by-id`: an update whose conditional form was refused. `unsorted`: a list
 * without its order. `matching`: the ids of the records that the list's condition matches. `any`: the id of any record.
 */
export type StepName = "asked" | "by-id" | "unsorted" | "matching" | "any";

interface Step {
  readonly name: StepName;
  /** The statuses after which the next step follows. */
  readonly followedOn: readonly number[];
}

/** The step whose answer is the last of `count`. */
export function stepAt(job: AskedJob, count: number, settings: PayloadSettings): StepName {
  return stepsOf(job, settings)[count - 1]?.name ?? "asked";
}

/** True where no request can follow: all but a few jobs end here. */
export function isSettled(
  { operation }: Job,
  answers: readonly UpstreamAnswer[],
  { virtualFields }: PayloadSettings,
): boolean {
  return isGood(answers.at(-1)) && virtualFields.of(operation.collection).length === 0;
}

/** True for the answer that carried the job out: what follows it is the question for the proofs of its virtual fields. */
export function isGood(answer: UpstreamAnswer | undefined): boolean {
  return answer !== undefined && answer.status < 400;
}

/** The request that follows after these answers; `undefined` where the last of them settles the job. */
export function followUp(
  job: AskedJob,
  answers: readonly UpstreamAnswer[],
  settings: PayloadSettings,
): Outgoing | undefined {
  const last = answers.at(-1);
  if (last === undefined || isGood(answers.at(-2))) return undefined;
  if (isGood(last)) return isProvable(job, answers, settings) ? proofRequest(job, last, settings) : undefined;
  const steps = stepsOf(job, settings);
  const isFollowed = steps[answers.length - 1]?.followedOn.includes(last.status) === true;
  const next = isFollowed ? steps[answers.length] : undefined;
  return next === undefined ? undefined : requestOf(next.name, job, settings);
}

/** False for an answer that has none of the records that were asked for. */
function isProvable(job: AskedJob, answers: readonly UpstreamAnswer[], settings: PayloadSettings): boolean {
  const step = stepAt(job, answers.length, settings);
  return step !== "matching" && step !== "any";
}

function stepsOf(job: AskedJob, settings: PayloadSettings): readonly Step[] {
  const { kind, collection } = job.operation;
  if (kind === "update") {
    const form = formOf(job);
    if (form.kind === "by-id" || form.updatedAt === undefined || form.keepsDraft) return [];
    return [
      { name: "asked", followedOn: [400, 403] },
      { name: "by-id", followedOn: [] },
    ];
  }
  if (kind !== "list") return [];
  const isSorted = readSort(job.asked["sort"], settings, collection) !== "";
  const isNarrowed = readWhere(job.asked["where"], whereLimits(settings, collection)).kind === "narrow";
  const faulty = isNarrowed ? [500] : [];
  const order: Step[] = isSorted ? [{ name: "unsorted", followedOn: faulty }] : [];
  const condition: Step[] = isNarrowed
    ? [
        { name: "matching", followedOn: [500] },
        { name: "any", followedOn: [] },
      ]
    : [];
  return [{ name: "asked", followedOn: isSorted ? [400, 500] : faulty }, ...order, ...condition];
}

function requestOf(name: StepName, job: AskedJob, settings: PayloadSettings): Outgoing {
  switch (name) {
    case "by-id":
      return updateById(job, settings);
    case "unsorted":
      return jobRequest({ ...job, asked: { ...job.asked, sort: undefined } }, settings);
    case "matching":
      return listRequest(job, settings, probeQuery(job, settings, job.asked["where"]));
    case "any":
      return listRequest(job, settings, probeQuery(job, settings, undefined));
    default:
      return jobRequest(job, settings);
  }
}
