import { basename } from "node:path";

import type { Config, Payload } from "payload";
import { Client } from "pg";

import { postgresAdapter, sqliteAdapter } from "./payload.ts";

/** The URL of a database server that the tests administer. Without it, the tests use SQLite. */
const POSTGRES = process.env["TEST_POSTGRES_URL"];

/** True if the CMS uses PostgreSQL, false for SQLite. */
export const onPostgres = POSTGRES !== undefined;

type Rows = ArrayLike<Record<string, unknown>>;

/** The SQL functions that seeding, resetting and snapshots need. */
export interface SqlClient {
  execute(sql: string): Promise<{ rows: Rows }>;
  executeMultiple(sql: string): Promise<unknown>;
}

/** Payload's adapter for the database of the instance in `dir`. With `uuids`, records have text ids. */
export function adapterFor(dir: string, uuids = false): Config["db"] {
  const ids = uuids ? ({ idType: "uuid" } as const) : {};
  // The template has the tables. A comparison at every start would take a second and print to stdout.
  if (POSTGRES === undefined)
    return sqliteAdapter({ client: { url: `file:${dir}/cms.db` }, push: false, busyTimeout: 5000, ...ids });
  const url = new URL(POSTGRES);
  url.pathname = `/${basename(dir)}`;
  // A disposable database needs no durable writes.
  const pool = { connectionString: url.href, options: "-c synchronous_commit=off" };
  return postgresAdapter({ pool, push: false, disableCreateDatabase: true, ...ids });
}

/** The connection under Payload. */
export function sqlClient(payload: Payload): SqlClient {
  const db: object = payload.db;
  if ("client" in db && isSqlite(db.client)) return db.client;
  if ("pool" in db && isPool(db.pool)) {
    const { pool } = db;
    return { execute: (sql) => pool.query(sql), executeMultiple: (sql) => pool.query(sql) };
  }
  throw new Error("the CMS has no connection to a database");
}

/** The names of all tables except the database's own. */
export async function tableNames(payload: Payload): Promise<string[]> {
  const { rows } = await sqlClient(payload).execute(
    onPostgres
      ? "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
      : "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
  );
  return Array.from(rows, ({ name }) => String(name));
}

/** Runs `work` without foreign key checks, so records may reference others that do not exist yet. */
export async function withoutForeignKeys(payload: Payload, work: () => Promise<void>): Promise<void> {
  const sql = sqlClient(payload);
  const tables = onPostgres ? await tableNames(payload) : [];
  const keys = (state: "OFF" | "ON"): string =>
    onPostgres
      ? tables.map((t) => `ALTER TABLE "${t}" ${state === "ON" ? "ENABLE" : "DISABLE"} TRIGGER ALL`).join(";")
      : `PRAGMA foreign_keys = ${state}`;
  await sql.executeMultiple(keys("OFF"));
  await work();
  await sql.executeMultiple(keys("ON"));
}

/**
 * On PostgreSQL, where one database cannot read another, copies the seeded rows into a schema beside the
 * tables.
 */
export async function keepSeeded(payload: Payload): Promise<void> {
  if (!onPostgres) return;
  const copies = (await tableNames(payload)).map((t) => `CREATE TABLE seeded."${t}" AS TABLE public."${t}"`);
  await sqlClient(payload).executeMultiple(["CREATE SCHEMA seeded", ...copies].join(";"));
}

/** On PostgreSQL, the statements that restore the rows that `keepSeeded` copied, and the sequences that follow them. */
export async function restoreScript(payload: Payload): Promise<string> {
  const tables = await tableNames(payload);
  const { rows } = await sqlClient(payload).execute(
    "SELECT table_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND column_default LIKE 'nextval%'",
  );
  const numbered = Array.from(rows, ({ name }) => String(name));
  return [
    "BEGIN",
    "SET LOCAL session_replication_role = replica",
    ...tables.map((t) => `DELETE FROM "${t}"; INSERT INTO "${t}" SELECT * FROM seeded."${t}"`),
    ...numbered.map(
      (t) =>
        `SELECT setval(pg_get_serial_sequence('"${t}"', 'id'), coalesce(max(id), 0) + 1, false) FROM "${t}"`,
    ),
    "COMMIT",
  ].join(";");
}

/** Closes the database connection, which Payload's own `destroy` leaves open. */
export function disconnect(payload: Payload): void {
  const db: object = payload.db;
  if ("client" in db && isSqlite(db.client)) db.client.close();
  if (!("pool" in db) || !isPool(db.pool)) return;
  // The adapter keeps one connection open, so the pool never ends. Dropping the database ends that
  // connection.
  db.pool.on("error", () => undefined);
  void db.pool.end();
}

/**
 * On PostgreSQL, creates the database of the instance in `dir`: empty, or as a copy of the database of the
 * instance in `from`.
 */
export async function createDatabase(dir: string, from?: string): Promise<void> {
  const template = from === undefined ? "" : ` TEMPLATE "${basename(from)}"`;
  await administer((client) => client.query(`CREATE DATABASE "${basename(dir)}"${template}`));
}

/**
 * On PostgreSQL, renames the database of the instance in `dir` for the one in `to`, and ends its connections
 * first.
 */
export async function renameDatabase(dir: string, to: string): Promise<void> {
  await administer(async (client) => {
    await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [
      basename(dir),
    ]);
    await client.query(`ALTER DATABASE "${basename(dir)}" RENAME TO "${basename(to)}"`);
  });
}

/** On PostgreSQL, removes the database of the instance in `dir`, if there is one. */
export async function dropDatabase(dir: string): Promise<void> {
  await administer((client) => client.query(`DROP DATABASE IF EXISTS "${basename(dir)}" WITH (FORCE)`));
}

/** True if the instance in `dir` has its database. On SQLite, it is a file in that directory. */
export async function hasDatabase(dir: string): Promise<boolean> {
  let found = true;
  await administer(async (client) => {
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [basename(dir)]);
    found = rowCount === 1;
  });
  return found;
}

async function administer(work: (client: Client) => Promise<unknown>): Promise<void> {
  if (POSTGRES === undefined) return;
  const client = new Client({ connectionString: POSTGRES });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

interface Sqlite extends SqlClient {
  close(): void;
}

function isSqlite(value: unknown): value is Sqlite {
  return typeof value === "object" && value !== null && "executeMultiple" in value && "close" in value;
}

interface Pool {
  query(sql: string): Promise<{ rows: Rows }>;
  on(event: "error", listener: () => void): unknown;
  end(): Promise<void>;
}

function isPool(value: unknown): value is Pool {
  return typeof value === "object" && value !== null && "query" in value && "end" in value && "on" in value;
}
