import { runSoak, type Gauge, type SoakReport } from "./run.ts";
import { measureUnread, type Unread } from "./unread.ts";

/**
 * `npm run soak`: runs for two minutes, or SOAK_MINUTES; CMS and Redis are restarted every minute. Then 200
 * connections request 4 MB each and read nothing. Exits with 1 if a response was wrong or missing in the log,
 * or if a process has grown.
 */

/** The permitted growth of memory between the end of the warm-up and the end, in bytes. */
const HEAP_GROWTH = 10_000_000;
const MALLOC_GROWTH = 20_000_000;
/** The permitted growth of memory while 800 MB are requested and not read, in bytes. */
const UNREAD_GROWTH = 150_000_000;
/** The two connections to Redis. */
const SOCKETS = 2;

const minutes = Number(process.env["SOAK_MINUTES"] ?? 2);
const report = await runSoak({ seconds: minutes * 60, restartEvery: 60, clients: 16, samples: 14 });
const unread = await measureUnread();
const problems = [...problemsOf(report), ...problemsOfUnread(unread)];
process.stdout.write(
  `${[describe(report), describeUnread(unread), ...problems.map((text) => `PROBLEM ${text}`)].join("\n")}\n`,
);
process.exitCode = problems.length > 0 ? 1 : 0;

function problemsOf({ ledger, gauges, quiet, warnings, exitCode }: SoakReport): string[] {
  const [first = quiet] = gauges;
  const problems: Record<string, boolean> = {
    "wrong answers": ledger.wrong.length > 0,
    "responses that are not in the log": ledger.unaccounted > 0,
    "no client disconnected early": ledger.left === 0,
    [`exit code ${exitCode}`]: exitCode !== 0,
    "lines on standard error": warnings !== "",
    [`${quiet.sockets} sockets are left, of ${SOCKETS} to Redis`]: quiet.sockets !== SOCKETS,
    [`heap in use grew from ${first.heap} to ${quiet.heap} bytes`]: quiet.heap - first.heap >= HEAP_GROWTH,
    [`the C library's heaps grew from ${first.malloc} to ${quiet.malloc} bytes`]:
      quiet.malloc - first.malloc >= MALLOC_GROWTH,
  };
  return Object.keys(problems).filter((text) => problems[text] === true);
}

function problemsOfUnread({ growth }: Unread): string[] {
  return growth <= UNREAD_GROWTH ? [] : [`resident memory grew by ${growth} bytes with unread responses`];
}

function describeUnread({ statuses, growth }: Unread): string {
  const counts = [...statuses].map(([status, count]) => `${status} ${count}`).join(", ");
  return `unread lists of 4 MB: ${counts}; resident memory grew by at most ${(growth / 1e6).toFixed(1)} MB`;
}

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
