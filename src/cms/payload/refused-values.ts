import { ownField } from "../../core/where.ts";
import type { UpstreamAnswer } from "../../core/context.ts";
import { asksDraft, type AskedJob } from "./query.ts";
import { whereLimits, type PayloadSettings } from "./settings.ts";

/** The largest number of fields of one body that the gateway tests. */
const MOST_FIELDS = 12;
/** The longest text that can be meant as a date or a number. */
const LONGEST = 64;

/** A field of a body with its text. */
export interface TextField {
  readonly name: string;
  readonly text: string;
}

/**
 * Returns the fields that may have made Payload (3.90) fail with a 500: it does not validate a draft, and
 * then cannot store a word in a date. A condition that compares the field with the text tests this: the CMS
 * fails at it as well, if the types differ. Texts that are dates, and fields that clients must not query by,
 * are excluded.
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

/**
 * Returns the fields that the CMS cannot compare with their texts; `answers` belong to these lookups, in
 * order.
 */
export function refusedFields(
  fields: readonly TextField[],
  answers: readonly UpstreamAnswer[],
): readonly TextField[] {
  return fields.filter((_, i) => answers[i]?.status === 500);
}
