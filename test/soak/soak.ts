import { runSoak, type Gauge, type SoakReport } from "./run.ts";

/**
 * `npm run soak`: two minutes, or SOAK_MINUTES; CMS and Redis are restarted every minute. Exits with 1 where anything
 * was wrong.
 */

const minutes = Number(process.env["SOAK_MINUTES"] ?? 2);
const report = await runSoak({ seconds: minutes * 60, restartEvery: 60, clients: 16, samples: 14 });
process.stdout.write(`${describe(report)}\n`);
process.exitCode =
  report.ledger.wrong.length + report.ledger.unaccounted > 0 || report.exitCode !== 0 ? 1 : 0;

function describe(soak: SoakReport): string {
  const { seconds, ledger, gauges, quiet, warnings, exitCode } = soak;
  const statuses = [...ledger.statuses].toSorted(([a], [b]) => a - b);
  const kinds = [...ledger.kinds].toSorted(([a], [b]) => a.localeCompare(b));
  const rows = [...gauges, quiet].map(
    (gauge, i) => `| ${i === gauges.length ? "quiet" : i + 1} | ${row(gauge)} |`,
  );
  return [
    `${minutes} min, restarts: ${soak.cmsRestarts} of the CMS, ${soak.redisRestarts} of Redis; ${ledger.answers} answers (${Math.round(ledger.answers / seconds)}/s), ${ledger.left} clients left early`,
    `statuses: ${statuses.map(([status, count]) => `${status || "none"} ${count}`).join(", ")}`,
    `kinds: ${kinds.map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
    `failed while the CMS was down: ${ledger.excused}; wrong: ${ledger.wrong.length}; not in the log: ${ledger.unaccounted}; exit code ${exitCode}`,
    "",
    "| sample | heap in use, MB | V8's pages, MB | C library's heaps, MB | all else, MB | resident, MB | sockets | timers | event loop delay p99, ms |",
    "|---|---|---|---|---|---|---|---|---|",
    ...rows,
    ...ledger.wrong.slice(0, 20).map((text) => `WRONG ${text}`),
    ...(warnings === "" ? [] : [`SAID ${warnings}`]),
  ].join("\n");
}

function row({ heap, pages, malloc, rss, sockets, timers, p99 }: Gauge): string {
  const sizes = [heap, pages, malloc, rss - pages - malloc, rss].map((bytes) => (bytes / 1e6).toFixed(1));
  return [...sizes, sockets, timers, p99.toFixed(1)].join(" | ");
}
