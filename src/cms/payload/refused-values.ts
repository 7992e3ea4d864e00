import { ownField } from "../../core/where.ts";
import type { UpstreamAnswer } from "../../core/context.ts";
import { asksDraft, type AskedJob } from "./query.ts";
import { whereLimits, type PayloadSettings } from "./settings.ts";

/** Fields of one body that the CMS is asked about, at the most. */
const MOST_FIELDS = 12;
/** The longest text that may have been meant as a date or a number. */
const LONGEST = 64;

/** A field of a body with its text. */
export interface TextField {
  readonly name: string;
  readonly text: string;
}

/**
 * The fields at which Payload (3.90) may have failed with a 500: it does not validate a draft, and then cannot store a word
 * in a date. Whether a field is of such a type, the CMS tells by a condition that compares the field with the text: it
 * fails at that as well. Texts that are dates, and fields that nobody may ask by, are none of them.
 */
export function suspects(job: AskedJob, settings: PayloadSettings): readonly TextField[] {
  const { asked, fields = {}, operation } = job;
  const isWrite = operation.kind === "create" || operation.kind === "update";
  if (!isWrite || !asksDraft(asked)) return [];
  const limits = whereLimits(settings, operation.collection);
  return Object.entries(fields)
    .filter((entry): entry is [string, string] => typeof entry[1] === "string")
    .filter(
      ([name, text]) =>
        text !== "" &&
        text.length <= LONGEST &&
        Number.isNaN(Date.parse(text)) &&
        ownField(name, limits) === name,
    )
    .slice(0, MOST_FIELDS)
    .map(([name, text]) => ({ name, text }));
}

/** Of these fields the ones with which the CMS cannot compare their texts; `answers` are to those questions, in order. */
export function refusedFields(
  fields: readonly TextField[],
  answers: readonly UpstreamAnswer[],
): readonly TextField[] {
  return fields.filter((_, i) => answers[i]?.status === 500);
}
