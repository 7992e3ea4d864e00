import type { CollectionConfig } from "payload";

import { tenantGroups, tenants, users } from "../cms/collections.ts";
import type { Project } from "../cms/project.ts";
import { tenancy } from "../cms/seed.ts";
import { works } from "./hooks.ts";

/** A page as editors write it: drafts, two languages, rows and blocks. */
const articles: CollectionConfig = {
  slug: "articles",
  versions: { drafts: true },
  trash: true,
  fields: [
    { name: "title", type: "text", required: true, localized: true },
    { name: "content", type: "textarea" },
    { name: "startsAt", type: "date" },
    { name: "rows", type: "array", fields: [{ name: "label", type: "text" }] },
  ],
};

/**
 * A Payload project that uses what real projects use: hooks that refuse, access rules that look at ids, drafts. Nothing
 * is in it at the start but tenants and users.
 */
export const KITCHEN: Project = {
  name: "kitchen",
  tenantOwned: ["works", "articles"],
  collections: () =>
    [works, articles, tenants, tenantGroups, users].map((one) => ({ ...one, fields: [...one.fields] })),
  globals: () => [],
  uploads: [],
  seed: tenancy,
  sources: ["project.ts", "hooks.ts"].map((name) => new URL(name, import.meta.url)),
};

/** The gateway's settings for it. */
export const KITCHEN_SETTINGS = {
  cache: { keyTtl: "1h", tenantTtl: "1h", absentTtl: "1h" },
  partners: { collections: ["works", "articles"] },
};
