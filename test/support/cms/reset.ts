import { join } from "node:path";

import type { Payload } from "payload";

import { onPostgres, restoreScript, sqlClient, tableNames } from "./database.ts";
import type { Project } from "./project.ts";
import { restoreUploads, templateDir } from "./template.ts";

/** What to reset: a running Payload, and the directory with its uploads. */
interface ResetTarget {
  readonly payload: Payload;
  readonly dir: string;
  readonly project: Project;
}

/**
 * Returns the function that gives every table and every uploaded file of an instance the content of the template again.
 * The template and the names of the tables are looked up once: suites reset an instance thousands of times.
 */
export function createReset({ payload, dir, project }: ResetTarget): () => Promise<void> {
  let prepared: Promise<{ readonly script: string; readonly template: string }> | undefined;
  const prepare = async () => {
    const template = await templateDir(project);
    return { template, script: await (onPostgres ? restoreScript(payload) : copyScript(payload, template)) };
  };
  return async () => {
    prepared ??= prepare();
    const { script, template } = await prepared;
    await sqlClient(payload).executeMultiple(script);
    await restoreUploads(dir, project, template);
  };
}

/**
 * The statements that copy the rows of the template. The transaction is deferred: an immediate one would lock the template
 * too, and the instances of other test processes could not be reset at the same time.
 */
async function copyScript(payload: Payload, template: string): Promise<string> {
  const tables = (await tableNames(payload)).map((name) => `"${name}"`);
  return [
    `ATTACH '${join(template, "cms.db").replaceAll("'", "''")}' AS template`,
    "PRAGMA foreign_keys = OFF",
    "BEGIN",
    ...tables.map(
      (table) => `DELETE FROM main.${table}; INSERT INTO main.${table} SELECT * FROM template.${table}`,
    ),
    "COMMIT",
    "PRAGMA foreign_keys = ON",
    "DETACH template",
  ].join(";\n");
}
