import { createHash } from "node:crypto";
import { cp, mkdtemp, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  createDatabase,
  dropDatabase,
  hasDatabase,
  keepSeeded,
  onPostgres,
  renameDatabase,
} from "./database.ts";
import { closeInstance, createTables, openInstance } from "./instance.ts";
import type { Project } from "./project.ts";

const SOURCES = [
  "collections.ts",
  "config.ts",
  "database.ts",
  "instance.ts",
  "keys.ts",
  "project.ts",
  "seed.ts",
  "template.ts",
];
/** Payload's directory for uploads in progress. */
const INCOMING = "incoming";

/** Makes a new directory with a seeded database and its uploads. The caller removes it. */
export async function freshCopy(project: Project): Promise<string> {
  const template = await templateDir(project);
  const dir = await mkdtemp(join(tmpdir(), "partners-gateway-cms-run-"));
  await cp(template, dir, { recursive: true });
  await createDatabase(dir, template);
  return dir;
}

/** Removes an instance's directory and its database. */
export async function removeCopy(dir: string): Promise<void> {
  await dropDatabase(dir);
  await rm(dir, { recursive: true, force: true });
}

/** Puts the seeded uploads back into an instance's directory. */
export async function restoreUploads(dir: string, project: Project, template: string): Promise<void> {
  for (const name of [...project.uploads, INCOMING]) {
    await rm(join(dir, name), { recursive: true, force: true });
    await cp(join(template, name), join(dir, name), { recursive: true });
  }
}

/** The directory of the seeded template, made if this machine has none for these sources yet. */
export async function templateDir(project: Project): Promise<string> {
  const dir = join(tmpdir(), `partners-gateway-cms-template-${project.name}-${await fingerprint(project)}`);
  if (await exists(dir)) {
    if (await hasDatabase(dir)) return dir;
    // A leftover of a database server that no longer exists.
    await rm(dir, { recursive: true, force: true });
  }
  const building = await mkdtemp(join(tmpdir(), "partners-gateway-cms-build-"));
  try {
    for (const name of [...project.uploads, INCOMING]) await mkdir(join(building, name));
    await createDatabase(building);
    const instance = await openInstance({ dir: building, access: "loose", project });
    try {
      await createTables(instance);
      await project.seed(instance.payload);
      await keepSeeded(instance.payload);
    } finally {
      await closeInstance(instance);
    }
    // Two test processes may seed at once. The first rename wins, and both results are equal.
    await renameDatabase(building, dir);
    await rename(building, dir);
  } catch (error) {
    await removeCopy(building);
    if (!(await exists(dir))) throw error;
  }
  return dir;
}

async function fingerprint(project: Project): Promise<string> {
  const hash = createHash("sha256").update(onPostgres ? "PostgreSQL" : "SQLite");
  const sources = SOURCES.map((name) => new URL(name, import.meta.url));
  for (const source of [...sources, ...project.sources]) hash.update(await readFile(source));
  for (const name of [
    "payload",
    "@payloadcms/db-sqlite",
    "@payloadcms/db-postgres",
    "@payloadcms/plugin-multi-tenant",
  ]) {
    hash.update(await readFile(new URL("../package.json", import.meta.resolve(name))));
  }
  return hash.digest("hex").slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
