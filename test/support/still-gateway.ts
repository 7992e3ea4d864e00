import { handClock, type HandClock } from "./clock.ts";
import { startTestGateway, type TestGateway } from "./gateway.ts";
import { until } from "./until.ts";

/**
 * A gateway whose clock only the test moves: none of its timeouts, lifetimes and CMS probes falls due by
 * itself. The timeouts of Node's own server and of the native proxy do not use that clock.
 */
export interface StillGateway extends TestGateway {
  readonly clock: HandClock;
}

/** The time between two checks, in milliseconds: tasks that a gateway runs twice a second fall due. */
const STEP_MS = 500;

/** Starts one in front of `upstream`; `settings` are sections as in the YAML file. */
export async function startStillGateway(
  upstream: string,
  settings: Record<string, unknown> = {},
  given: { readonly env?: Record<string, string> } = {},
): Promise<StillGateway> {
  const clock = handClock();
  const gateway = await startTestGateway(upstream, settings, { ...given, clock });
  return {
    ...gateway,
    clock,
    async stop() {
      let isOver = false;
      const stopped = gateway.stop().finally(() => (isOver = true));
      await until("the gateway to stop", () => {
        clock.move(STEP_MS);
        return isOver;
      });
      await stopped;
    },
  };
}

/** Moves the clocks until every gateway's `/readyz` shows Redis in that state. */
export async function untilRedisIs(
  gateways: readonly StillGateway[],
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
