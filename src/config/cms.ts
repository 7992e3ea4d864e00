import * as z from "zod";
import { SECRET_FIELDS, field, fieldPath, prefix, slug } from "./words.ts";

/** The names of the CMS's collections and fields: the section `cms`. */
export const cms = z.strictObject({
  apiPath: prefix.default("/api").describe("The path of the CMS's REST API."),
  trailingSlash: z
    .boolean()
    .default(false)
    .describe(
      "Whether the CMS redirects to paths with a trailing slash (Next.js: trailingSlash). Partner requests then use such paths.",
    ),
  users: slug
    .default("users")
    .describe(
      "The auth collection of partners' API keys; also the scheme of the Authorization header, e.g. users API-Key 0123.",
    ),
  tenants: slug.default("tenants").describe("The collection of tenants."),
  groups: slug.default("tenant-groups").describe("The collection of tenant groups."),
  internal: z
    .array(slug)
    .default([])
    .describe("Further collections that partners can never use, e.g. other auth collections: [admins]."),
  harmlessCollections: z
    .array(slug)
    .default([])
    .describe(
      "Further collections, besides partners.collections, whose native writes change no user, tenant, group or membership. They cause no invalidation, e.g. [newsletters].",
    ),
  harmlessPaths: z
    .array(
      prefix.refine((path) => path !== "/", {
        error: "expected a path such as /admin: with / no native write would cause an invalidation",
      }),
    )
    .default([])
    .describe(
      "Native path prefixes under which no request changes a user, tenant, group or membership, e.g. [/admin]: see docs/revocation.md.",
    ),
  tenantField: field.default("tenant").describe("The field of a record with its tenant."),
  slugField: field.default("slug").describe("The field of a tenant with its slug."),
  appsField: field.default("installedApps").describe("The field of a tenant with its installed apps."),
  groupField: field.default("group").describe("The field of a tenant with its group."),
  sharedField: field
    .default("sharedCollections")
    .describe("The field of a group with the slugs of the collections that it shares."),
  membershipsField: field.default("tenants").describe("The field of a user with the list of memberships."),
  membershipTenantField: field.default("tenant").describe("The field of a membership with its tenant."),
  rolesField: field.default("roles").describe("The field of a user with the roles."),
  allTenantsRoles: z
    .array(z.string())
    .default(["super-admin"])
    .describe("The roles whose users are members of every tenant."),
  serviceKey: z
    .string()
    .min(1)
    .optional()
    .describe("The gateway's own API key for tenant lookups. Without it, lookups use the client's key."),
  secretFields: z
    .array(field)
    .default(SECRET_FIELDS)
    .describe("Fields that no answer contains, at any depth, and by which no client may filter or sort."),
  textIds: z
    .array(slug)
    .default([])
    .describe("Collections whose ids are arbitrary text although the CMS's other ids are numbers or UUIDs."),
  uploads: z
    .array(slug)
    .default(["media", "files"])
    .describe("Upload collections: partners cannot write the file's metadata, which the CMS maintains."),
  ownPaths: z
    .record(slug, z.array(fieldPath))
    .default({})
    .describe(
      "Dotted paths that stay within a record of the collection, so that partners may filter and sort by them, e.g. events: [location.city].",
    ),
  relations: z
    .record(slug, z.record(fieldPath, slug))
    .default({})
    .describe(
      "The related collection of each relation, e.g. events: {venue: venues}. Only a declared relation is populated with a shared record of another tenant of the group. Through it, a body may refer only to records that the tenant may read.",
    ),
  joins: z
    .record(slug, z.record(fieldPath, slug))
    .default({})
    .describe(
      "Join fields and the collection that each lists, e.g. venues: {events: events}. An undeclared join field lists only records that are provably the tenant's.",
    ),
  virtualFields: z
    .record(slug, z.record(fieldPath, fieldPath))
    .default({})
    .describe(
      "Fields whose value the CMS copies from a related record, and the path of that value, e.g. events: {venueTitle: venue.title}. Such a value is withheld whenever the related record would be, and partners cannot filter or sort by it.",
    ),
  plainFields: z
    .record(slug, z.array(fieldPath))
    .default({})
    .describe(
      "Fields with plain JSON data, in which an object with an id is not a populated record, e.g. events: [embed].",
    ),
  rowFields: z
    .record(slug, z.array(fieldPath))
    .default({})
    .describe(
      "Arrays and blocks whose rows have their own createdAt, updatedAt or tenant field, e.g. events: [sessions]. Needed only if record ids look like row ids (24 hex digits): with MongoDB, or with cms.textIds.",
    ),
  openCollections: z
    .array(slug)
    .default([])
    .describe(
      "Collections without tenants. Declared relations populate their records for every partner, e.g. [countries].",
    ),
});
