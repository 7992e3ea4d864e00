import type { CollectionConfig, Config, GlobalConfig, Payload } from "payload";

/** A Payload project: its collections and an instance's initial records. */
export interface Project {
  /** Part of the name of its template's directory. */
  readonly name: string;
  /** The collections that belong to a tenant, for the multi-tenant plugin. */
  readonly tenantOwned: readonly string[];
  /** The collections, without the plugin's additions. Uploads are stored below `dir`. */
  readonly collections: (dir: string) => CollectionConfig[];
  readonly globals: () => GlobalConfig[];
  /** Directories of uploads, below an instance's own. */
  readonly uploads: readonly string[];
  readonly seed: (payload: Payload) => Promise<unknown>;
  /** The files that determine the template, besides this directory. */
  readonly sources: readonly URL[];
  /** Default: numeric ids from the database. */
  readonly uuids?: boolean;
  /** Parts of Payload's configuration that replace the fixture's. */
  readonly config?: Partial<Config>;
}
