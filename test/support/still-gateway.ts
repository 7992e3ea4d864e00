import { handClock, type HandClock } from "./clock.ts";
import { startTestGateway, type TestGateway } from "./gateway.ts";
import { until } from "./until.ts";

/**
 * A gateway whose clock only the test moves: none of its time-outs, lifetimes and checks of the CMS falls due by itself.
 * The time-outs of Node's own server and of the native proxy are not on that clock.
 */
export interface StillGateway extends TestGateway {
  readonly clock: HandClock;
}

/** As far as the clock is moved between two looks while the gateway drains. */
const STEP_MS = 1_000;

/** Starts one in front of `upstream`; `settings` are sections as in the YAML file. */
export async function startStillGateway(
  upstream: string,
  settings: Record<string, unknown> = {},
): Promise<StillGateway> {
  const clock = handClock();
  const gateway = await startTestGateway(upstream, settings, { clock });
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
