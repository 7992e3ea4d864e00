import { readFileSync } from "node:fs";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { startGateway, type RunningGateway } from "../../src/app/gateway.ts";
import { createLog } from "../../src/observe/log.ts";
import { systemClock, wallTime } from "../../src/app/clock.ts";
import type { HandClock } from "./clock.ts";
import { withLimits } from "./long-limits.ts";
import type { Tracer } from "../../src/core/trace.ts";
import { stringify } from "yaml";

/** A gateway in this process, and its log. */
export interface TestGateway extends RunningGateway {
  readonly url: string;
  readonly adminUrl: string;
  /** The log's lines so far, parsed. */
  lines(): Record<string, unknown>[];
}

/** The configuration of a gateway in front of `upstream`, on free ports of loopback. */
export function configFor(
  upstream: string,
  settings: Record<string, unknown>,
  env: Record<string, string> = {},
): Config {
  return loadConfig({
    env: {
      UPSTREAM_URL: upstream,
      HOST: "127.0.0.1",
      PORT: "0",
      ADMIN_PORT: "0",
      CONFIG_FILE: "settings",
      ...env,
    },
    readFile: (path) => (path === "settings" ? stringify(settings) : readFileSync(path, "utf8")),
  });
}

/** Timeouts that a test process does not reach when it is paused for a while, for tests of other things. */
const LONG = {
  upstream: { connectTimeout: "1h", firstByteTimeout: "1h", idleTimeout: "1h", deadline: "1h" },
  partners: { deadline: "1h" },
  limits: { bodyPause: "1h" },
  server: { headersTimeout: "1h" },
};

/**
 * Starts a gateway in front of `upstream` on free ports of loopback; `settings` are sections as in the YAML
 * file.
 */
export async function startTestGateway(
  upstream: string,
  settings: Record<string, unknown> = {},
  given: {
    readonly env?: Record<string, string>;
    readonly tracer?: Tracer;
    readonly wallTime?: () => number;
    /** A clock that the test moves, in place of the machine's. */
    readonly clock?: HandClock;
  } = {},
): Promise<TestGateway> {
  const written: string[] = [];
  const log = createLog("info", { write: (line: string) => void written.push(line) });
  const { tracer, clock } = given;
  const config = configFor(upstream, clock === undefined ? withLimits(settings, LONG) : settings, given.env);
  const gateway = await startGateway(config, {
    clock: clock ?? systemClock,
    wallTime: given.wallTime ?? wallTime,
    log,
    tracer,
  });
  return {
    ...gateway,
    url: `http://127.0.0.1:${gateway.port}`,
    adminUrl: `http://127.0.0.1:${gateway.adminPort}`,
    stop() {
      const stopped = gateway.stop();
      clock?.move(config.server.drainDelay);
      return stopped;
    },
    lines: () => written.map((line): Record<string, unknown> => JSON.parse(line)),
  };
}
