import * as z from "zod";
import type { Problem } from "./problem.ts";
import { day, field, link, slug } from "./words.ts";

/** The differences between a version's fields and the CMS's, for one collection. */
const fieldSettings = z.strictObject({
  /** The version's names, with the CMS's. */
  rename: z.record(field, field).default({}),
  /** The CMS's names. */
  remove: z.array(field).default([]),
});

/** The settings of one version. */
const versionSetting = z.strictObject({
  deprecation: day.optional(),
  sunset: day.optional(),
  link: link.optional(),
  fields: z.record(slug, fieldSettings).optional(),
});

/**
 * The fields with one name in every version: the id, and the optimistic lock, which is no field of the CMS.
 */
const FIXED = ["id", "ifUpdatedAt"];

/**
 * Returns the problems of the names that versions give to fields. Two names for one field, or another name
 * for a secret field, would bypass the checks that compare names.
 */
export function versionProblems(
  settings: Readonly<Record<string, unknown>>,
  known: { readonly collections: readonly string[]; readonly secretFields: readonly string[] },
): Problem[] {
  const untouchable = new Set([...FIXED, ...known.secretFields]);
  return Object.entries(settings).flatMap(([version, setting]) => {
    const fields = versionSetting.safeParse(setting).data?.fields ?? {};
    return Object.entries(fields).flatMap(([collection, { rename, remove }]): Problem[] => {
      const theirs = Object.values(rename);
      const messages: string[] = [];
      if (!known.collections.includes(collection))
        messages.push(`partners cannot see ${collection}; remove it`);
      for (const name of new Set([...Object.keys(rename), ...theirs, ...remove]))
        if (untouchable.has(name)) messages.push(`${name} can be neither renamed nor removed`);
      for (const name of Object.keys(rename))
        if (/^(?:and|or)$/i.test(name))
          messages.push(`no where can use the name ${name}; choose another name`);
      for (const name of new Set(theirs)) {
        if (theirs.indexOf(name) !== theirs.lastIndexOf(name))
          messages.push(`two names mean ${name}; keep one`);
        if (remove.includes(name)) messages.push(`${name} is renamed and removed; keep one of the two`);
      }
      const path = ["partners", "versionSettings", version, "fields", collection];
      return messages.map((message) => ({ path, message }));
    });
  });
}

/** The settings of versions, by name: `partners.versionSettings`. */
export const versionSettings = z
  .record(z.string(), versionSetting)
  .default({})
  .describe(
    "The settings of single versions. deprecation and sunset are dates, sent in the headers of the same names; from its sunset on, a version is not supported. link is the page that explains both. fields renames and removes fields per collection; rename maps the version's name to the CMS's. For example 2025-07: {deprecation: 2026-02-01, sunset: 2026-08-01, link: https://example.com/migrate, fields: {events: {rename: {title: name}, remove: [internalNotes]}}}. See docs/versions.md.",
  );
