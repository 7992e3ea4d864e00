import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import type { Job } from "../../core/ports.ts";
import { formOf, jobRequest, listRequest, updateById } from "./outgoing.ts";
import { partialList, type PartialList } from "./partial-list.ts";
import { proofRequest, proofsOf, type Proofs } from "./proof.ts";
import { idsQuery, partQuery, readSort, type AskedJob } from "./query.ts";
import { refusedFields, suspects, type TextField } from "./refused-values.ts";
import { whereLimits, type PayloadSettings } from "./settings.ts";
import { readWhere } from "../../core/where.ts";

/**
 * The sequence of requests that carries out a job: the first, and further ones if Payload's refusal does not
 * tell whose mistake it was. Payload 3.90 answers 400 to a list sorted by a field that it cannot sort by. It
 * answers 500 to a condition that compares with a value of the wrong type (a word with a date), and when it is
 * broken itself.
 *
 * After the answer that carried the job out, a request for the proofs of its virtual fields may follow
 * (`proof.ts`).
 *
 * The steps:
 * - `asked`: the request as the partner sent it.
 * - `by-id`: an update whose conditional form was refused.
 * - `unsorted`: a list without its order.
 * - `matching`: the ids of the list's page. If Payload can read these but not the records, requests for parts
 *   of the page follow (`partial-list.ts`).
 * - `any`: the id of any record.
 */
type StepName = "asked" | "by-id" | "unsorted" | "matching" | "any";

interface Step {
  readonly name: StepName;
  /** The statuses after which the next step follows. */
  readonly followedOn: readonly number[];
}

/** True if the last answer belongs to the step `any`. */
export function endsWithAny(
  job: AskedJob,
  answers: readonly UpstreamAnswer[],
  settings: PayloadSettings,
): boolean {
  return stepsOf(job, settings)[answers.length - 1]?.name === "any";
}

/**
 * Evaluates the answers if the CMS cannot read every record of a list's page; otherwise returns `undefined`.
 */
export function partialListOf(
  job: AskedJob,
  answers: readonly UpstreamAnswer[],
  settings: PayloadSettings,
): PartialList | undefined {
  if (answers.length < 2 || job.operation.kind !== "list") return undefined;
  const at = stepsOf(job, settings).findIndex(({ name }) => name === "matching");
  const page = answers[at];
  return page === undefined ? undefined : partialList(page, answers.slice(at + 1));
}

/** True if no further request can follow, which holds for all but a few jobs. */
export function isSettled(
  { operation }: Job,
  answers: readonly UpstreamAnswer[],
  { virtualFields }: PayloadSettings,
): boolean {
  return answers.length === 1 && isGood(answers[0]) && virtualFields.of(operation.collection).length === 0;
}

function isGood(answer: UpstreamAnswer | undefined): boolean {
  return answer !== undefined && answer.status < 400;
}

/**
 * Returns the index of the answer that carried the job out, with the requested records. After it only the
 * request for the proofs of virtual fields may follow.
 */
function carriedOutAt(
  job: AskedJob,
  answers: readonly UpstreamAnswer[],
  settings: PayloadSettings,
): number | undefined {
  const at = answers.findIndex(isGood);
  if (at <= 0) return at === 0 ? at : undefined;
  if (answers[0]?.status === 500 && job.operation.kind !== "list") return undefined;
  const name = stepsOf(job, settings)[at]?.name;
  return name === "unsorted" || name === "by-id" ? at : undefined;
}

/** The answer that settles a job, and the answers before it. */
export interface StepAnswers {
  readonly answer: UpstreamAnswer;
  readonly earlier: readonly UpstreamAnswer[];
}

/** Returns the answer that carried the job out, the answers before it, and the proofs after it. */
export function withProofs(
  { answer, earlier }: StepAnswers,
  job: AskedJob,
  settings: PayloadSettings,
): StepAnswers & { readonly proofs: Proofs } {
  const at = carriedOutAt(job, [...earlier, answer], settings);
  const carriedOut = at === undefined ? undefined : earlier[at];
  if (carriedOut === undefined) return { answer, earlier, proofs: proofsOf(undefined) };
  return { answer: carriedOut, earlier: earlier.slice(0, at), proofs: proofsOf(answer) };
}

/** Returns the request that follows these answers; `undefined` if the last of them settles the job. */
export function followUp(
  job: AskedJob,
  answers: readonly UpstreamAnswer[],
  settings: PayloadSettings,
): Outgoing | undefined {
  const last = answers.at(-1);
  if (last === undefined || isSettled(job, answers, settings)) return undefined;
  const done = carriedOutAt(job, answers, settings);
  if (done !== undefined) return done === answers.length - 1 ? proofRequest(job, last, settings) : undefined;
  if (answers[0]?.status === 500 && job.operation.kind !== "list")
    return suspectRequest(job, answers, settings);
  const partial = partialListOf(job, answers, settings);
  // All further requests omit an order that the CMS refused with 400.
  const ordered = answers[0]?.status === 400 ? unsorted(job) : job;
  if (partial !== undefined)
    return partial.next && listRequest(job, settings, partQuery(ordered, settings, partial.next));
  const steps = stepsOf(job, settings);
  const isFollowed = steps[answers.length - 1]?.followedOn.includes(last.status) === true;
  const next = isFollowed ? steps[answers.length] : undefined;
  return next === undefined ? undefined : requestOf(next.name, ordered, settings);
}

/**
 * Returns the request that follows a failed write: first a test that the CMS works, then one for each text
 * that it may not be able to read.
 */
function suspectRequest(
  job: AskedJob,
  answers: readonly UpstreamAnswer[],
  settings: PayloadSettings,
): Outgoing | undefined {
  const fields = suspects(job, settings);
  if (fields.length === 0) return undefined;
  if (answers.length === 1) return requestOf("any", job, settings);
  const next = answers[1]?.status === 200 ? fields[answers.length - 2] : undefined;
  if (next === undefined) return undefined;
  const asked = { limit: "1", where: { [next.name]: { equals: next.text } } };
  return listRequest(job, settings, idsQuery({ ...job, asked }, settings));
}

/** Returns the fields of a write whose values made the CMS fail. */
export function refusedBy(
  job: AskedJob,
  answers: readonly UpstreamAnswer[],
  settings: PayloadSettings,
): readonly TextField[] {
  return answers.length < 3 ? [] : refusedFields(suspects(job, settings), answers.slice(2));
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
  const order: Step[] = isSorted ? [{ name: "unsorted", followedOn: [500] }] : [];
  const condition: Step[] = isNarrowed ? [{ name: "any", followedOn: [] }] : [];
  return [
    { name: "asked", followedOn: isSorted ? [400, 500] : [500] },
    ...order,
    { name: "matching", followedOn: [500] },
    ...condition,
  ];
}

function unsorted(job: AskedJob): AskedJob {
  return { ...job, asked: { ...job.asked, sort: undefined } };
}

function requestOf(name: StepName, job: AskedJob, settings: PayloadSettings): Outgoing {
  switch (name) {
    case "by-id":
      return updateById(job, settings);
    case "unsorted":
      return jobRequest(unsorted(job), settings);
    case "matching":
      return listRequest(job, settings, idsQuery(job, settings));
    case "any":
      return listRequest(
        job,
        settings,
        idsQuery({ ...job, asked: { draft: job.asked["draft"], limit: "1" } }, settings),
      );
    default:
      return jobRequest(job, settings);
  }
}
