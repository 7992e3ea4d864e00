import { sqlClient, tableNames } from "./cms/database.ts";
import type { Cms } from "./cms/server.ts";

/** Every row of every table, by table; rows as JSON in the order of their ids. */
export type Snapshot = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the CMS's whole database. */
export async function snapshotOf(cms: Cms): Promise<Snapshot> {
  const sql = sqlClient(cms.payload);
  const snapshot = new Map<string, ReadonlySet<string>>();
  for (const name of await tableNames(cms.payload)) {
    const { rows } = await sql.execute(`SELECT * FROM "${name}"`);
    snapshot.set(name, new Set(Array.from(rows, (row) => JSON.stringify({ ...row }))));
  }
  return snapshot;
}

/** The rows that are in only one of two snapshots, each after its table's name. */
export function differences(before: Snapshot, after: Snapshot): string[] {
  const found: string[] = [];
  for (const [table, rows] of before) {
    const now = after.get(table) ?? new Set();
    for (const row of rows) if (!now.has(row)) found.push(`${table} -${row}`);
    for (const row of now) if (!rows.has(row)) found.push(`${table} +${row}`);
  }
  return found;
}
