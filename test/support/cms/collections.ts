import type { Block, CollectionConfig, Field, GlobalConfig } from "payload";

import type { Project } from "./project.ts";
import { seed } from "./seed.ts";

/** The collections that belong to a tenant, for the multi-tenant plugin. */
export const TENANT_OWNED = ["pages", "events", "venues", "media", "files", "posts"] as const;

const title: Field = { name: "title", type: "text", required: true };
const slug: Field = { name: "slug", type: "text" };

const quote: Block = { slug: "quote", fields: [{ name: "text", type: "text" }] };

export const users: CollectionConfig = {
  slug: "users",
  auth: { useAPIKey: true },
  admin: { useAsTitle: "email" },
  fields: [
    { name: "name", type: "text" },
    { name: "roles", type: "select", hasMany: true, options: ["super-admin", "editor"], saveToJWT: true },
  ],
};

export const tenants: CollectionConfig = {
  slug: "tenants",
  admin: { useAsTitle: "name" },
  fields: [
    { name: "name", type: "text", required: true },
    { name: "slug", type: "text", required: true, unique: true },
    { name: "installedApps", type: "text", hasMany: true },
    { name: "group", type: "relationship", relationTo: "tenant-groups" },
  ],
};

export const tenantGroups: CollectionConfig = {
  slug: "tenant-groups",
  fields: [
    { name: "name", type: "text", required: true },
    { name: "sharedCollections", type: "select", hasMany: true, options: [...TENANT_OWNED] },
  ],
};

const pages: CollectionConfig = {
  slug: "pages",
  versions: { drafts: true },
  access: { read: ({ req }) => (req.user ? true : { _status: { equals: "published" } }) },
  indexes: [{ fields: ["tenant", "slug"], unique: true }],
  fields: [
    { ...title, localized: true },
    slug,
    { name: "content", type: "textarea", maxLength: 40_000 },
    { name: "hero", type: "upload", relationTo: "media" },
    { name: "related", type: "relationship", relationTo: ["events", "pages", "venues"], hasMany: true },
  ],
};

const events: CollectionConfig = {
  slug: "events",
  versions: true,
  trash: true,
  fields: [
    title,
    slug,
    { name: "code", type: "text", unique: true },
    { name: "startDate", type: "date", required: true },
    { name: "venue", type: "relationship", relationTo: "venues" },
    { name: "organiser", type: "relationship", relationTo: "users" },
    { name: "category", type: "relationship", relationTo: "categories" },
    { name: "stages", type: "relationship", relationTo: "venues", hasMany: true },
    { name: "hosts", type: "relationship", relationTo: "users", hasMany: true },
    {
      name: "location",
      type: "group",
      fields: [
        { name: "city", type: "text" },
        { name: "zone", type: "text" },
      ],
    },
    { name: "sessions_list", type: "array", fields: [{ name: "label", type: "text" }] },
    { name: "layout", type: "blocks", blocks: [quote] },
  ],
};

const venues: CollectionConfig = {
  slug: "venues",
  trash: true,
  fields: [
    title,
    slug,
    { name: "city", type: "text" },
    { name: "events", type: "join", collection: "events", on: "venue" },
  ],
};

const posts: CollectionConfig = {
  slug: "posts",
  fields: [title, { name: "text", type: "textarea" }],
};

const categories: CollectionConfig = {
  slug: "categories",
  fields: [{ name: "name", type: "text", required: true }],
};

const secrets: CollectionConfig = {
  slug: "secrets",
  fields: [{ name: "value", type: "text" }],
};

function media(dir: string): CollectionConfig {
  return {
    slug: "media",
    upload: { staticDir: `${dir}/media`, mimeTypes: ["image/png"] },
    fields: [title, { name: "alt", type: "text" }],
  };
}

function files(dir: string): CollectionConfig {
  return {
    slug: "files",
    upload: { staticDir: `${dir}/files`, allowRestrictedFileTypes: true },
    fields: [title],
  };
}

/**
 * The fixture's collections, without the additions of the multi-tenant plugin. Uploads are stored below
 * `dir`.
 */
function collections(dir: string): CollectionConfig[] {
  return [
    pages,
    events,
    venues,
    media(dir),
    files(dir),
    posts,
    categories,
    secrets,
    tenants,
    tenantGroups,
    users,
  ].map(
    // The plugin modifies its input, and a second instance in this process must not inherit that.
    (collection) => ({ ...collection, fields: [...collection.fields] }),
  );
}

/** The fixture's one global. */
function siteSettings(): GlobalConfig {
  return {
    slug: "site-settings",
    fields: [
      { name: "siteName", type: "text" },
      { name: "internalNote", type: "text" },
    ],
  };
}

/** The default project of the tests. */
export const STANDARD: Project = {
  name: "standard",
  tenantOwned: TENANT_OWNED,
  collections,
  globals: () => [siteSettings()],
  uploads: ["media", "files"],
  seed,
  sources: [],
};
