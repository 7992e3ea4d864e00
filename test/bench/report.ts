import { figure, written, type Spread } from "./statistics.ts";

/** A value of a table; a figure keeps its spread, so that the JSON has more than the printed table. */
export type Cell = string | number | Spread;

/** The result of a part of the benchmark; the columns are the members of the first row. */
export interface Table {
  readonly title: string;
  /** The conditions of the measurement, a sentence each. */
  readonly notes: readonly string[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

/** The table in Markdown, below its title. */
export function printed({ title, notes, rows }: Table): string {
  const columns = Object.keys(rows[0] ?? {});
  const lines = [columns, columns.map(() => "---"), ...rows.map((row) => columns.map((c) => text(row[c])))];
  return [
    `## ${title}`,
    "",
    ...notes.flatMap((note) => [note, ""]),
    ...(rows.length === 0 ? [] : lines.map((cells) => `| ${cells.join(" | ")} |`)),
  ].join("\n");
}

function text(cell: Cell = ""): string {
  if (typeof cell === "string") return cell;
  return typeof cell === "number" ? figure(cell) : written(cell);
}
