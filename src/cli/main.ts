#!/usr/bin/env node
import { refuseOldNode } from "./node-version.ts";

// The binary `partners-gateway`. Everything else is imported after the check.
refuseOldNode();
const { runCommand } = await import("./run.ts");
const { processIo } = await import("./io.ts");
process.exitCode = await runCommand(process.argv.slice(2), processIo(process));
