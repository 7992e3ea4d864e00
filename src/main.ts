import { refuseOldNode } from "./cli/node-version.ts";
import { excludeEnvironmentFromReports } from "./cli/diagnostic-reports.ts";

// `npm start`: without arguments, the command `start`. Everything else is imported after the check.
refuseOldNode();
excludeEnvironmentFromReports(process.report, (line) => void process.stderr.write(`${line}\n`));
const { runCommand } = await import("./cli/run.ts");
const { processIo } = await import("./cli/io.ts");
const words = process.argv.slice(2);
process.exitCode = await runCommand(words.length === 0 ? ["start"] : words, processIo(process));
