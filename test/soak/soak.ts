import { runSoak, type Gauge, type SoakReport } from "./run.ts";

/** `npm run soak`: two minutes, or SOAK_MINUTES; the CMS is restarted every minute. Exits with 1 where anything was wrong. */

const minutes = Number(process.env["SOAK_MINUTES"] ?? 2);
const report = await runSoak({ seconds: minutes * 60, restartEvery: 60, clients: 16 });
process.stdout.write(`${describe(report)}\n`);
process.exitCode =
  report.ledger.wrong.length + report.ledger.unaccounted > 0 || report.exitCode !== 0 ? 1 : 0;

function describe({ seconds, restarts, ledger, gauges, quiet, warnings, exitCode }: SoakReport): string {
  const statuses = [...ledger.statuses].toSorted(([a], [b]) => a - b);
  const rows = [...gauges, quiet].map(
    (gauge, i) => `| ${i === gauges.length ? "quiet" : i + 1} | ${row(gauge)} |`,
  );
  return [
    `${minutes} min, ${restarts} restarts of the CMS, ${ledger.answers} answers (${Math.round(ledger.answers / seconds)}/s), ${ledger.left} clients left early`,
    `statuses: ${statuses.map(([status, count]) => `${status || "none"} ${count}`).join(", ")}`,
    `failed while the CMS was down: ${ledger.excused}; wrong: ${ledger.wrong.length}; not in the log: ${ledger.unaccounted}; exit code ${exitCode}`,
    "",
    "| sample | heap after collection, MB | resident, MB | sockets | timers | event loop delay p99, ms |",
    "|---|---|---|---|---|---|",
    ...rows,
    ...ledger.wrong.slice(0, 20).map((text) => `WRONG ${text}`),
    ...(warnings === "" ? [] : [`SAID ${warnings}`]),
  ].join("\n");
}

function row({ heap, rss, sockets, timers, p99 }: Gauge): string {
  return [(heap / 1e6).toFixed(1), (rss / 1e6).toFixed(0), sockets, timers, p99.toFixed(1)].join(" | ");
}
