import * as z from "zod";
import type { Problem } from "./problem.ts";
import { versionProblems } from "./versions.ts";
import { COLLECTIONS, SECRET_FIELDS, VERSIONS } from "./words.ts";

/**
 * The paths of the CMS's API that are no collections. Under `graphql`, a partner's body could be a GraphQL
 * query.
 */
const NO_COLLECTIONS = ["access", "globals", "graphql", "graphql-playground"];

/**
 * Returns the problems of exposed collections (auth collections, tenants, the CMS's internal ones) and of
 * versions. Reads the raw settings, so that one message names these together with all other problems.
 */
export function exposureProblems(settings: unknown): Problem[] {
  const parsed = shape.safeParse(settings);
  if (!parsed.success) return [];
  const { partners, cms } = parsed.data;
  const forbidden = new Set([cms.users, cms.tenants, cms.groups, ...cms.internal, ...NO_COLLECTIONS]);
  const problems: Problem[] = [];
  const refuse = (label: string, slugs: readonly string[]) => {
    for (const [index, slug] of slugs.entries()) {
      if (!forbidden.has(slug) && !slug.startsWith("payload-")) continue;
      problems.push({
        path: [...label.split("."), index],
        label,
        message: `${slug} can never be exposed: it holds users, tenants or the CMS's own data; remove it`,
      });
    }
  };
  refuse("partners.collections", partners.collections);
  refuse("cms.openCollections", cms.openCollections);
  for (const name of Object.keys(partners.versionSettings)) {
    if (!partners.versions.includes(name))
      problems.push({
        path: ["partners", "versionSettings", name],
        message: `${name} is no supported version; known are ${partners.versions.join(", ")}`,
      });
  }
  problems.push(
    ...versionProblems(partners.versionSettings, {
      collections: [...partners.collections, ...cms.openCollections],
      secretFields: cms.secretFields,
    }),
  );
  for (const [index, name] of partners.versions.entries()) {
    if (partners.versions.indexOf(name) !== index)
      problems.push({
        path: ["partners", "versions", index],
        label: "partners.versions",
        message: `${name} is listed twice; remove one`,
      });
  }
  return problems;
}

/** The settings that the rules above use. Invalid ones are ignored here: the schema reports them. */
const names = z.array(z.string()).catch([]);
const shape = z.object({
  partners: z
    .object({
      collections: z.array(z.string()).catch(COLLECTIONS),
      versions: z.array(z.string()).catch(VERSIONS),
      versionSettings: z.record(z.string(), z.unknown()).catch({}),
    })
    .catch({ collections: COLLECTIONS, versions: VERSIONS, versionSettings: {} }),
  cms: z
    .object({
      users: z.string().catch("users"),
      tenants: z.string().catch("tenants"),
      groups: z.string().catch("tenant-groups"),
      internal: names,
      openCollections: names,
      secretFields: z.array(z.string()).catch(SECRET_FIELDS),
    })
    .catch({
      users: "users",
      tenants: "tenants",
      groups: "tenant-groups",
      internal: [],
      openCollections: [],
      secretFields: SECRET_FIELDS,
    }),
});
