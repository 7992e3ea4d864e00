import type { Health, Level, PartState, Standing } from "../../core/status.ts";

/** From the best to the worst. */
const STATES: readonly PartState[] = ["ok", "unknown", "degraded", "down"];

/** How workers are, as one: ready where one is, each part as the worst of them sees it. */
export function healthOf(all: readonly Health[]): Health {
  const parts = new Map<string, PartState>();
  for (const [part, state] of all.flatMap((health) => Object.entries(health.parts))) {
    const known = parts.get(part) ?? "ok";
    parts.set(part, STATES.indexOf(state) > STATES.indexOf(known) ? state : known);
  }
  return {
    ready: all.some(({ ready }) => ready),
    draining: all.some(({ draining }) => draining),
    parts: Object.fromEntries(parts),
  };
}

/** How things stand with workers, as one. Of what each says of its targets the metrics make one by themselves. */
export function standingOf(all: readonly Standing[]): Standing {
  const level = (of: (standing: Standing) => Level): Level => ({
    now: all.reduce((sum, one) => sum + of(one).now, 0),
    most: all.reduce((sum, one) => sum + of(one).most, 0),
  });
  return {
    health: healthOf(all.map(({ health }) => health)),
    load: {
      inFlight: level(({ load }) => load.inFlight),
      connections: level(({ load }) => load.connections),
      waiting: level(({ load }) => load.waiting),
      breakerOpen: all.some(({ load }) => load.breakerOpen),
    },
    targets: [],
    workers: all.length,
    endings: all[0]?.endings ?? {},
  };
}
