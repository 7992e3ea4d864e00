import { join } from "node:path";

import type { Payload } from "payload";

import { onPostgres, restoreRows, sqlClient, tableNames } from "./database.ts";
import type { Project } from "./project.ts";
import { restoreUploads, templateDir } from "./template.ts";

/** Gives every table and every uploaded file of an instance the content of the template again. */
export async function resetData(payload: Payload, dir: string, project: Project): Promise<void> {
  await (onPostgres ? restoreRows(payload) : copyRows(payload, project));
  await restoreUploads(dir, project);
}

/**
 * Copies the rows of the template. The transaction is a deferred one: an immediate one would lock the template as well, and
 * the instances of other test processes could not be reset meanwhile.
 */
async function copyRows(payload: Payload, project: Project): Promise<void> {
  const tables = (await tableNames(payload)).map((name) => `"${name}"`);
  const template = join(await templateDir(project), "cms.db").replaceAll("'", "''");
  await sqlClient(payload).executeMultiple(
    [
      `ATTACH '${template}' AS template`,
      "PRAGMA foreign_keys = OFF",
      "BEGIN",
      ...tables.map(
        (table) => `DELETE FROM main.${table}; INSERT INTO main.${table} SELECT * FROM template.${table}`,
      ),
      "COMMIT",
      "PRAGMA foreign_keys = ON",
      "DETACH template",
    ].join(";\n"),
  );
}
