import * as z from "zod";
import { SECRET_FIELDS, field, fieldPath, prefix, slug } from "./words.ts";

/** What the CMS is called and how it names what the gateway needs: the section `cms`. */
export const cms = z.strictObject({
  apiPath: prefix.default("/api").describe("Where the CMS's REST API lives."),
  trailingSlash: z
    .boolean()
    .default(false)
    .describe(
      "True where the CMS redirects to paths that end with a slash (Next.js: trailingSlash): partner requests then ask it for such paths.",
    ),
  users: slug
    .default("users")
    .describe(
      "The auth collection whose API keys partners use; also the first word of the Authorization header.",
    ),
  tenants: slug.default("tenants").describe("The collection of tenants."),
  groups: slug.default("tenant-groups").describe("The collection of tenant groups."),
  internal: z
    .array(slug)
    .default([])
    .describe("Further collections that must never be exposed, such as other auth collections."),
  harmlessCollections: z
    .array(slug)
    .default([])
    .describe(
      "Collections besides partners.collections of which native writes change no user, tenant, group or membership.",
    ),
  harmlessPaths: z
    .array(
      prefix.refine((path) => path !== "/", {
        error: "expected a path such as /admin: with / no native write would be noticed",
      }),
    )
    .default([])
    .describe(
      "Native paths, with all below, whose requests of any method change none either, e.g. [/admin]: see docs/revocation.md.",
    ),
  tenantField: field.default("tenant").describe("The field of a record that names its tenant."),
  slugField: field.default("slug").describe("The slug of a tenant."),
  appsField: field.default("installedApps").describe("The installed apps of a tenant."),
  groupField: field.default("group").describe("The group of a tenant."),
  sharedField: field
    .default("sharedCollections")
    .describe("The slugs of the collections that a group shares."),
  membershipsField: field.default("tenants").describe("The list of memberships of a user."),
  membershipTenantField: field.default("tenant").describe("The tenant of one membership."),
  rolesField: field.default("roles").describe("The roles of a user."),
  allTenantsRoles: z
    .array(z.string())
    .default(["super-admin"])
    .describe("Roles that are members of every tenant."),
  serviceKey: z
    .string()
    .min(1)
    .optional()
    .describe("The gateway's own API key for tenant lookups; without it the caller's is used."),
  secretFields: z
    .array(field)
    .default(SECRET_FIELDS)
    .describe("Fields that never leave, at any depth, and that nobody may ask by."),
  textIds: z
    .array(slug)
    .default([])
    .describe("Collections whose ids are any text although the CMS's other ids are numbers or UUIDs."),
  uploads: z
    .array(slug)
    .default(["media", "files"])
    .describe("Upload collections: what the CMS knows of a file cannot be written by partners."),
  ownPaths: z
    .record(slug, z.array(fieldPath))
    .default({})
    .describe(
      "Dotted paths that stay within a record of the collection and so may be queried and sorted by, e.g. events: [location.city].",
    ),
  relations: z
    .record(slug, z.record(fieldPath, slug))
    .default({})
    .describe(
      "Which collection a relation leads to, e.g. events: {venue: venues}. Only of a declared relation is a group-mate's shared record populated, and a body may point by it only at what the tenant may read.",
    ),
  joins: z
    .record(slug, z.record(fieldPath, slug))
    .default({})
    .describe(
      "Join fields and the collection they list, e.g. venues: {events: events}. An undeclared join field lists nothing that is not provably the tenant's.",
    ),
  virtualFields: z
    .record(slug, z.record(fieldPath, fieldPath))
    .default({})
    .describe(
      "Fields whose value the CMS takes from a related record, and the path that it is taken from, e.g. events: {venueTitle: venue.title}. Such a value is withheld where the related record would be, and cannot be queried or sorted by.",
    ),
  plainFields: z
    .record(slug, z.array(fieldPath))
    .default({})
    .describe(
      "Fields that hold plain data (JSON), in which an object with an id is no populated record, e.g. events: [embed].",
    ),
  rowFields: z
    .record(slug, z.array(fieldPath))
    .default({})
    .describe(
      "Arrays and blocks whose rows have a createdAt, an updatedAt or a tenant field of their own, e.g. events: [sessions]. Needed only where ids of records look like those of rows (24 hex digits): with MongoDB, or beside cms.textIds.",
    ),
  openCollections: z
    .array(slug)
    .default([])
    .describe(
      "Collections without tenants whose records may be populated, through declared relations, for every partner.",
    ),
});
