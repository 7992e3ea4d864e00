import { paint, type Io } from "../cli/io.ts";
import type { Discovery } from "./material.ts";
import type { RunOutcome } from "./run.ts";

/** The report of a proof. */
export interface Report {
  readonly gateway: string;
  readonly version: string;
  readonly tenants: readonly [string, string];
  readonly mode: "read-only" | "write";
  readonly holds: boolean;
  readonly cases: number;
  readonly held: number;
  readonly requests: number;
  readonly seconds: number;
  readonly collections: readonly string[];
  readonly blocks: RunOutcome["blocks"];
  /** The violations that the plain lists already show. */
  readonly broken: readonly string[];
  readonly failures: RunOutcome["failures"];
  readonly strays: readonly string[];
  readonly leftBehind: readonly string[];
  readonly stopped: string | null;
  readonly notes: readonly string[];
}

/** The parameters and the cost of a run. */
export type Circumstances = Pick<Report, "gateway" | "version" | "tenants" | "mode" | "requests" | "seconds">;

/** The largest number of failures shown per block; `--json` has all. */
const SHOWN = 12;

/** Builds a report. `holds` requires a complete run, no failed case, and no record left behind. */
export function reportOf(
  facts: Circumstances,
  { world, broken, notes }: Discovery,
  outcome: RunOutcome,
): Report {
  const { blocks, failures, leftovers, stopped } = outcome;
  const cases = blocks.reduce((sum, block) => sum + block.cases, 0);
  const empty = blocks.filter((block) => block.cases === 0).map(({ name }) => name);
  const isWhole = stopped === undefined && cases > 0 && leftovers.remains.length === 0;
  return {
    ...facts,
    holds: isWhole && broken.length === 0 && failures.length === 0 && leftovers.strays.length === 0,
    cases,
    held: cases - failures.length,
    collections: world.collections,
    blocks,
    broken,
    failures,
    strays: leftovers.strays,
    leftBehind: leftovers.remains,
    stopped: stopped ?? null,
    notes: [...notes, ...(empty.length === 0 ? [] : [`no material for the blocks: ${empty.join(", ")}`])],
  };
}

/** Prints a report for humans. */
export function printReport(report: Report, io: Io): void {
  const width = Math.max(...report.blocks.map(({ name }) => name.length));
  for (const { name, tries, cases, held } of report.blocks) {
    const verdict =
      cases === 0
        ? paint(io, "yellow", "–")
        : held === cases
          ? paint(io, "green", "✓")
          : paint(io, "red", "✗");
    io.out(`${verdict} ${name.padEnd(width)} ${`${held}/${cases}`.padStart(9)}  ${paint(io, "dim", tries)}`);
    const failures = report.failures.filter(({ block }) => block === name);
    for (const { name: title, request, problem } of failures.slice(0, SHOWN)) {
      io.out(`    ${paint(io, "red", "does not hold:")} ${title}\n      ${request}\n      ${problem}`);
    }
    if (failures.length > SHOWN) io.out(`    … and ${failures.length - SHOWN} more (--json has all)`);
  }
  for (const text of report.broken) io.out(paint(io, "red", `does not hold: ${text}`));
  for (const text of report.strays)
    io.out(
      paint(io, "red", `does not hold: ${text} was made by a case that was refused, or in the wrong tenant`),
    );
  for (const text of report.leftBehind) io.out(paint(io, "red", `left behind, delete it by hand: ${text}`));
  for (const text of report.notes) io.out(paint(io, "yellow", `note: ${text}`));
  if (report.stopped !== null) io.out(paint(io, "red", `stopped: ${report.stopped}`));
  const { held, cases, requests, seconds, holds, tenants, gateway, mode } = report;
  const verdict = holds ? paint(io, "green", "holds") : paint(io, "red", "does not hold");
  io.out(
    `${held} of ${cases} cases held (${mode}, ${tenants.join(" and ")}, ${requests} requests, ${seconds} s). ` +
      `The isolation of ${gateway} ${verdict}.`,
  );
}
