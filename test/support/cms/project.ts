import type { CollectionConfig, Config, GlobalConfig, Payload } from "payload";

/** A Payload project: its collections and the records that an instance begins with. */
export interface Project {
  /** Part of the name of its template's directory. */
  readonly name: string;
  /** The collections that belong to a tenant, and so are given to the multi-tenant plugin. */
  readonly tenantOwned: readonly string[];
  /** The collections, without what the plugin adds. Uploads are kept below `dir`. */
  readonly collections: (dir: string) => CollectionConfig[];
  readonly globals: () => GlobalConfig[];
  /** Directories of uploads, below an instance's own. */
  readonly uploads: readonly string[];
  readonly seed: (payload: Payload) => Promise<unknown>;
  /** The files that decide over the template, besides those of this directory. */
  readonly sources: readonly URL[];
  /** Default: numbers that the database counts. */
  readonly uuids?: boolean;
  /** Parts of Payload's configuration that replace the fixture's. */
  readonly config?: Partial<Config>;
}
