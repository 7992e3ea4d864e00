import * as z from "zod";
import type { Problem } from "./problem.ts";
import { day, field, link, slug } from "./words.ts";

/** How a version's fields of one collection differ from the CMS's. */
const fieldSettings = z.strictObject({
  /** The partner's name to the CMS's. */
  rename: z.record(field, field).default({}),
  /** By the CMS's name. */
  remove: z.array(field).default([]),
});

/** What one version has of its own. */
const versionSetting = z.strictObject({
  deprecation: day.optional(),
  sunset: day.optional(),
  link: link.optional(),
  fields: z.record(slug, fieldSettings).optional(),
});

/** What has one name in every version: the id, and a partner's optimistic lock, which is no field of the CMS. */
const FIXED = ["id", "ifUpdatedAt"];

/**
 * What is wrong with the names that versions give to fields, whatever their types. Two spellings of one field, or a
 * secret field under another name, would be a way round what looks at names.
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
          messages.push(`no condition could ask by ${name}; choose another name`);
      for (const name of new Set(theirs)) {
        if (theirs.indexOf(name) !== theirs.lastIndexOf(name))
          messages.push(`two names mean ${name}; keep one`);
        if (remove.includes(name)) messages.push(`${name} is renamed and removed; decide on one`);
      }
      const path = ["partners", "versionSettings", version, "fields", collection];
      return messages.map((message) => ({ path, message }));
    });
  });
}

/** What versions have of their own, by the version's name: `partners.versionSettings`. */
export const versionSettings = z
  .record(z.string(), versionSetting)
  .default({})
  .describe(
    "What a version has of its own: deprecation and sunset (dates, told in headers; from its sunset on a version is unsupported) and link (where that is explained), and fields (by collection: rename, from the version's name to the CMS's, and remove), e.g. 2025-07: {deprecation: 2026-02-01, sunset: 2026-08-01, link: https://example.com/migrate, fields: {events: {rename: {title: name}, remove: [internalNotes]}}}. See docs/versions.md.",
  );
