import type { CollectionConfig, Field, Plugin, SanitizedConfig } from "payload";

import { adapterFor } from "./database.ts";
import { buildConfig, multiTenantPlugin } from "./payload.ts";
import type { Project } from "./project.ts";

// Otherwise Payload would look for a Next.js development server and compare the versions in node_modules.
process.env["DISABLE_PAYLOAD_HMR"] ??= "true";
process.env["PAYLOAD_DISABLE_DEPENDENCY_CHECKER"] ??= "true";

/**
 * `loose`: any logged-in user may do anything, so only a gateway restricts access.
 * `tight`: the multi-tenant plugin limits users to their own tenants, super-admins to none.
 */
export type Access = "loose" | "tight";

/** The location of an instance's data, and its behaviour. */
export interface ConfigOptions {
  /** The instance's own directory: database and uploads. */
  readonly dir: string;
  readonly access: Access;
  readonly project: Project;
  /**
   * Renamed fields of this instance, by collection: the fixture's name to its own. Only plain top-level
   * fields.
   */
  readonly renamed?: Renamed | undefined;
}

export type Renamed = Readonly<Record<string, Readonly<Record<string, string>>>>;

function withNames(collection: CollectionConfig, renamed: Renamed): CollectionConfig {
  const names = renamed[collection.slug] ?? {};
  return {
    ...collection,
    fields: collection.fields.map((field) => {
      const name = "name" in field ? names[field.name] : undefined;
      return name === undefined ? field : { ...field, name };
    }),
  };
}

function isSuperAdmin(user: unknown): boolean {
  if (typeof user !== "object" || user === null || !("roles" in user)) return false;
  return Array.isArray(user.roles) && user.roles.includes("super-admin");
}

function withoutFilter(field: Field): Field {
  if (field.type !== "relationship" || (field.name !== "venue" && field.name !== "related")) return field;
  const copy = { ...field };
  delete copy.filterOptions;
  return copy;
}

/**
 * Undoes the plugin's change to these two relations, so they may reference another tenant, as shared venues
 * do.
 */
const acrossTenants: Plugin = (config) => ({
  ...config,
  collections: (config.collections ?? []).map((collection): CollectionConfig => ({
    ...collection,
    fields: collection.fields.map(withoutFilter),
  })),
});

function tenancy(access: Access, { tenantOwned }: Project): Plugin {
  const loose = access === "loose";
  return multiTenantPlugin({
    collections: Object.fromEntries(tenantOwned.map((slug) => [slug, {}])),
    userHasAccessToAllTenants: (user) => loose || isSuperAdmin(user),
    ...(loose
      ? { useTenantsCollectionAccess: false, useTenantsListFilter: false, useUsersTenantFilter: false }
      : {}),
  });
}

/** Payload's configuration for one instance. */
export function cmsConfig({ dir, access, project, renamed = {} }: ConfigOptions): Promise<SanitizedConfig> {
  return buildConfig({
    secret: "a secret of the test CMS only",
    telemetry: false,
    logger: { options: { level: "silent" } },
    typescript: { autoGenerate: false },
    admin: { user: "users", importMap: { autoGenerate: false } },
    db: adapterFor(dir, project.uuids),
    localization: { locales: ["en", "de"], defaultLocale: "en", fallback: true },
    collections: project.collections(dir).map((collection) => withNames(collection, renamed)),
    globals: project.globals(),
    jobs: { tasks: [{ slug: "noop", handler: () => ({ output: {} }) }] },
    plugins: [tenancy(access, project), acrossTenants],
    upload: {
      useTempFiles: true,
      tempFileDir: `${dir}/incoming`,
      requestSizeLimit: Number.POSITIVE_INFINITY,
      limits: { fileSize: 1024 ** 3 },
    },
    ...project.config,
  });
}
