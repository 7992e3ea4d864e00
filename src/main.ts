import { refuseOldNode } from "./cli/node-version.ts";

// `npm start`: the command `start` without arguments. Everything else is imported after the check.
refuseOldNode();
const { runCommand } = await import("./cli/run.ts");
const { processIo } = await import("./cli/io.ts");
process.exitCode = await runCommand(["start"], processIo(process));
