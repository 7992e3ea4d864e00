import { join } from "node:path";

import type { Payload } from "payload";

import { onPostgres, restoreRows, sqlClient, tableNames } from "./database.ts";
import { restoreUploads, templateDir } from "./template.ts";

/** Gives every table and every uploaded file of an instance the content of the template again. */
export async function resetData(payload: Payload, dir: string): Promise<void> {
  await (onPostgres ? restoreRows(payload) : copyRows(payload));
  await restoreUploads(dir);
}

async function copyRows(payload: Payload): Promise<void> {
  const tables = (await tableNames(payload)).map((name) => `"${name}"`);
  const template = join(await templateDir(), "cms.db").replaceAll("'", "''");
  await sqlClient(payload).executeMultiple(
    [
      `ATTACH '${template}' AS template`,
      "PRAGMA foreign_keys = OFF",
      "BEGIN IMMEDIATE",
      ...tables.map(
        (table) => `DELETE FROM main.${table}; INSERT INTO main.${table} SELECT * FROM template.${table}`,
      ),
      "COMMIT",
      "PRAGMA foreign_keys = ON",
      "DETACH template",
    ].join(";\n"),
  );
}
