import type { Payload, SanitizedConfig } from "payload";

import { cmsConfig, type ConfigOptions, type Renamed } from "./config.ts";
import { disconnect, onPostgres, sqlClient } from "./database.ts";
import { getPayload } from "./payload.ts";

/** A running Payload without its HTTP side. */
export interface Instance {
  readonly payload: Payload;
  readonly config: SanitizedConfig;
  /** The name under which Payload caches this instance, so that several fit into one process. */
  readonly cacheKey: string;
}

let started = 0;

/** Starts Payload on the data in `options.dir`. */
export async function openInstance(options: ConfigOptions): Promise<Instance> {
  const config = await cmsConfig(options);
  const cacheKey = `cms-${(started += 1)}`;
  const payload = await getPayload({ config, key: cacheKey });
  // A disposable database needs no durable writes.
  if (!onPostgres)
    await sqlClient(payload).executeMultiple("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;");
  await renameColumns(payload, options.renamed ?? {});
  return { payload, config, cacheKey };
}

/** Changes the fixture's tables like a migration for the renamed fields. */
async function renameColumns(payload: Payload, renamed: Renamed): Promise<void> {
  const column = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  for (const [slug, names] of Object.entries(renamed)) {
    const versioned = Boolean(payload.collections[slug]?.config.versions);
    for (const [from, to] of Object.entries(names).map((pair) => pair.map(column))) {
      const rename = (table: string, before = "") =>
        `ALTER TABLE ${table} RENAME COLUMN ${before}${from} TO ${before}${to};`;
      await sqlClient(payload).executeMultiple(
        versioned ? rename(slug) + rename(`_${slug}_v`, "version_") : rename(slug),
      );
    }
  }
}

/** Creates the tables in an empty database. */
export async function createTables({ payload }: Instance): Promise<void> {
  const { generateDrizzleJson, generateMigration } = payload.db.requireDrizzleKit();
  const wanted = await generateDrizzleJson(payload.db.schema);
  const empty = await generateDrizzleJson({});
  await sqlClient(payload).executeMultiple((await generateMigration(empty, wanted)).join("\n"));
}

/** Ends Payload and its connection. */
export async function closeInstance({ payload }: Instance): Promise<void> {
  await payload.destroy();
  disconnect(payload);
}
