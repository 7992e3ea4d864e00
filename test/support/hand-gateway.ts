import type { Test } from "tap";
import { wallTime } from "../../src/clock.ts";
import { startGateway } from "../../src/compose.ts";
import { createLog } from "../../src/observe/log.ts";
import { type HandClock, handClock } from "./clock.ts";
import { configFor } from "./gateway.ts";
import { until } from "./until.ts";

/** A gateway in this process whose time stands still until the test moves it. */
export interface HandGateway {
  readonly url: string;
  readonly adminUrl: string;
  readonly clock: HandClock;
  /** The log's lines so far, parsed. */
  lines(): Record<string, unknown>[];
}

/** As far as a clock is moved between two looks: what a gateway does twice a second falls due. */
const STEP_MS = 500;

/** Starts one; it ends with the test. */
export async function startHandGateway(
  t: Test,
  upstream: string,
  given: {
    /** Sections as in the YAML file. */
    readonly settings?: Record<string, unknown>;
    readonly env?: Record<string, string>;
  } = {},
): Promise<HandGateway> {
  const clock = handClock();
  const written: string[] = [];
  const { log } = createLog("info", { write: (line: string) => void written.push(line) });
  const config = configFor(upstream, given.settings ?? {}, given.env);
  const gateway = await startGateway(config, { clock, wallTime, log });
  t.teardown(async () => {
    const state = { isOver: false };
    const stopped = gateway.stop().then(() => (state.isOver = true));
    await until("the gateway to stop", () => state.isOver || (clock.move(STEP_MS), false));
    await stopped;
  });
  return {
    url: `http://127.0.0.1:${gateway.port}`,
    adminUrl: `http://127.0.0.1:${gateway.adminPort}`,
    clock,
    lines: () => written.map((line): Record<string, unknown> => JSON.parse(line)),
  };
}

/** Moves the clocks until every gateway's `/readyz` shows Redis in that state. */
export async function untilRedisIs(
  gateways: readonly HandGateway[],
  state: "ok" | "degraded",
): Promise<void> {
  for (const { adminUrl, clock } of gateways)
    await until(`redis to be ${state}`, async () => {
      const text = await (await fetch(`${adminUrl}/readyz`)).text();
      if (text.includes(`"redis":"${state}"`) && text.includes('"cms":"ok"')) return true;
      clock.move(STEP_MS);
      return false;
    });
}
