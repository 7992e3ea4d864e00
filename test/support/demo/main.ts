import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock, wallTime } from "../../../src/app/clock.ts";
import { startGateway } from "../../../src/app/gateway.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { createSilentLog } from "../../../src/observe/log.ts";
import { startCms } from "../cms/server.ts";
import { demoLines, proveLine } from "./lines.ts";

/** `npm run demo`: the real CMS, seeded, the gateway in front of it, and lines to try. Ends with Ctrl-C. */

const out = (text: string): void => void process.stdout.write(`${text}\n`);

const cms = await startCms({ record: false });
const env = {
  HOST: "127.0.0.1",
  ADMIN_PORT: "0",
  ...process.env,
  UPSTREAM_URL: cms.url,
  CONFIG_FILE: join(import.meta.dirname, "config.yaml"),
};
const config = loadConfig({ env, readFile: (path) => readFileSync(path, "utf8") });
const gateway = await startGateway(config, {
  clock: systemClock,
  wallTime,
  log: createSilentLog(),
}).catch(explain);

const url = `http://127.0.0.1:${gateway.port}`;
out(`A Payload CMS without any code for partners: ${cms.url}`);
out(`The gateway in front of it:                  ${url}`);
out(`Its health:                                  http://127.0.0.1:${gateway.adminPort}/readyz`);
for (const { shows, status, command } of demoLines(url, cms.keys)) {
  out(`\n# ${shows} -> ${status}\n${command}`);
}
out(
  `\n# some 3,000 attempts to reach one tenant with the other's key: all fail\n${proveLine(url, cms.keys)}`,
);
out("\nCtrl-C ends both.");

const stop = async (): Promise<void> => {
  await gateway.stop();
  await cms.close();
  process.exit(0);
};
process.once("SIGINT", () => void stop());
process.once("SIGTERM", () => void stop());

function explain(error: unknown): never {
  const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  const advice = isTaken
    ? `Port ${config.server.port} is taken. Choose another: PORT=8081 npm run demo`
    : String(error);
  process.stderr.write(`${advice}\n`);
  process.exit(1);
}
