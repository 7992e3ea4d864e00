#!/usr/bin/env node
import { refuseOldNode } from "./node-version.ts";
import { excludeEnvironmentFromReports } from "./diagnostic-reports.ts";

// The binary `partners-gateway`. All other modules are imported after the version check.
refuseOldNode();
excludeEnvironmentFromReports(process.report, (line) => void process.stderr.write(`${line}\n`));
const { runCommand } = await import("./run.ts");
const { processIo } = await import("./io.ts");
process.exitCode = await runCommand(process.argv.slice(2), processIo(process));
