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

const venues: CollectionConfig = {
  slug: "venues",
  fields: [
    { name: "title", type: "text", required: true },
    { name: "gigs", type: "join", collection: "gigs", on: "venue" },
  ],
};

/** Rows with timestamps of their own, dates, and fields that cannot be sorted by. */
const gigs: CollectionConfig = {
  slug: "gigs",
  fields: [
    { name: "title", type: "text", required: true },
    { name: "date", type: "date" },
    { name: "seats", type: "number" },
    { name: "venue", type: "relationship", relationTo: "venues" },
    { name: "venueTitle", type: "text", virtual: "venue.title" },
    { name: "host", type: "relationship", relationTo: "users" },
    { name: "hostEmail", type: "text", virtual: "host.email" },
    { name: "spot", type: "relationship", relationTo: "venues", localized: true },
    { name: "spotTitle", type: "text", virtual: "spot.title" },
    { name: "stages", type: "relationship", relationTo: "venues", hasMany: true },
    { name: "stageTitles", type: "text", hasMany: true, virtual: "stages.title" },
    { name: "notes", type: "text", access: { read: () => false } },
    { name: "embed", type: "json" },
    { name: "place", type: "group", fields: [{ name: "city", type: "text" }] },
    {
      name: "sets",
      type: "array",
      fields: [
        { name: "label", type: "text" },
        { name: "createdAt", type: "date" },
        { name: "updatedAt", type: "date" },
      ],
    },
    {
      name: "parts",
      type: "blocks",
      blocks: [
        {
          slug: "act",
          fields: [
            { name: "createdAt", type: "date" },
            { name: "inner", type: "array", fields: [{ name: "updatedAt", type: "date" }] },
          ],
        },
      ],
    },
  ],
};

/** Records that may belong to several tenants. */
const clubs: CollectionConfig = {
  slug: "clubs",
  fields: [
    { name: "title", type: "text", required: true },
    { name: "tenant", type: "relationship", relationTo: "tenants", hasMany: true },
  ],
};

const COLLECTIONS = [works, articles, venues, gigs, clubs];

/**
 * A Payload project with the features of real projects: hooks that reject, access rules that use ids, drafts.
 * Initially it has only tenants and users.
 */
export const KITCHEN: Project = {
  name: "kitchen",
  tenantOwned: ["works", "articles", "venues", "gigs"],
  collections: () =>
    [...COLLECTIONS, tenants, tenantGroups, users].map((one) => ({ ...one, fields: [...one.fields] })),
  globals: () => [],
  uploads: [],
  seed: tenancy,
  sources: ["project.ts", "hooks.ts"].map((name) => new URL(name, import.meta.url)),
};

/** The gateway's settings for it. */
export const KITCHEN_SETTINGS = {
  cache: { keyTtl: "1h", tenantTtl: "1h", absentTtl: "1h" },
  partners: { collections: COLLECTIONS.map(({ slug }) => slug) },
  cms: {
    plainFields: { gigs: ["embed"] },
    virtualFields: {
      gigs: {
        spotTitle: "spot.title",
        venueTitle: "venue.title",
        hostEmail: "host.email",
        stageTitles: "stages.title",
      },
    },
  },
};
