#!/usr/bin/env node
import { refuseOldNode } from "./node-version.ts";
import { withholdEnvironment } from "./reports.ts";

// The binary `partners-gateway`. Everything else is imported after the check.
refuseOldNode();
withholdEnvironment(process.report, (line) => void process.stderr.write(`${line}\n`));
// With this in its environment http-proxy-3 takes another way through its code, round the cures of `src/native`.
delete process.env["FORCE_FETCH_PATH"];
const { runCommand } = await import("./run.ts");
const { processIo } = await import("./io.ts");
process.exitCode = await runCommand(process.argv.slice(2), processIo(process));
