import { join } from "node:path";

import type { Payload } from "payload";

import { sqlClient } from "./instance.ts";
import { restoreUploads, templateDir } from "./template.ts";

/** Gives every table and every uploaded file of an instance the content of the template again. */
export async function resetData(payload: Payload, dir: string): Promise<void> {
  const sql = sqlClient(payload);
  const { rows } = await sql.execute(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
  );
  const tables = Array.from(rows, (row) => `"${String(row["name"])}"`);
  const template = join(await templateDir(), "cms.db").replaceAll("'", "''");
  await sql.executeMultiple(
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
  await restoreUploads(dir);
}
