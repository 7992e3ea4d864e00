import type { CurrentState } from "../../src/core/status.ts";

/** A sample of a gateway's state. */
export const STANDING: CurrentState = {
  health: { ready: true, draining: false, parts: { cms: "ok", redis: "degraded" } },
  load: {
    inFlight: { now: 3, most: 1_000 },
    connections: { now: 2, most: 64 },
    waiting: { now: 0, most: 256 },
    breakerOpen: true,
  },
  targets: [],
  endings: {},
};
