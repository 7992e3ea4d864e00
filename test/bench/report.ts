import { figure, written, type Spread } from "./statistics.ts";

/** One value of a table; figures keep their spread, so that the JSON says more than the print. */
export type Cell = string | number | Spread;

/** What a part of the benchmark found; the columns are the members of the first row. */
export interface Table {
  readonly title: string;
  /** What has to be known to read it, a sentence each. */
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
