/** The members of `process.report` that decide whether a report contains the environment. */
type Reports = Pick<NodeJS.ProcessReport, "excludeEnv" | "reportOnFatalError">;

/**
 * Keeps the environment, and so its secrets, out of the diagnostic reports that Node writes if its options
 * ask for them. For the report of a fatal error (out of memory) Node reads the command line only (seen in
 * 24.21). Without the option there, that report is disabled, and `say` receives a line with the option to
 * add.
 */
export function excludeEnvironmentFromReports(reports: Reports, say: (line: string) => void): void {
  if (reports.reportOnFatalError && !reports.excludeEnv) {
    reports.reportOnFatalError = false;
    say(
      "No report will be written of a fatal error: it would hold the environment and its secrets. " +
        "Add --report-exclude-env to Node's options (NODE_OPTIONS).",
    );
  }
  reports.excludeEnv = true;
}
