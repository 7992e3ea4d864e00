// Starts the CMS as a separate process: node test/support/cms/main.ts [--port N] [--host H] [--access
// loose|tight]
import { parseArgs } from "node:util";

import { startCms } from "./server.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    access: { type: "string", default: "loose" },
  },
});
const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  throw new Error(`--port ${values.port} is not a port`);
if (values.access !== "loose" && values.access !== "tight") throw new Error("--access is loose or tight");

// No test reads the records of a separate process, so they would only accumulate.
const cms = await startCms({ port, host: values.host, access: values.access, record: false });
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void cms.close());
process.stdout.write(
  `${JSON.stringify({ url: cms.url, port: cms.port, access: values.access, pid: process.pid })}\n`,
);
