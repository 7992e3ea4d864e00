/** What of `process.report` decides about the environment. */
type Reports = Pick<NodeJS.ProcessReport, "excludeEnv" | "reportOnFatalError">;

/**
 * Keeps the environment, and so secrets that are set there, out of the diagnostic reports that Node writes where its
 * options ask for them. Of a fatal error's (memory is used up) Node asks the command line alone (seen in 24.21): where
 * that does not say so, there is none, and `say` is told what to add.
 */
export function withholdEnvironment(reports: Reports, say: (line: string) => void): void {
  if (reports.reportOnFatalError && !reports.excludeEnv) {
    reports.reportOnFatalError = false;
    say(
      "No report will be written of a fatal error: it would hold the environment and its secrets. " +
        "Add --report-exclude-env to Node's options (NODE_OPTIONS).",
    );
  }
  reports.excludeEnv = true;
}
