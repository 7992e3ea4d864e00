import type { Test } from "tap";
import { type ReplicaOptions, startReplica } from "./cache.ts";
import { type HandClock, handClock } from "./clock.ts";
import { until } from "./until.ts";

/** As `startReplica`, with time that stands still until the test moves it, so that nothing ends or expires by itself. */
export function startHandReplica(t: Test, options: Omit<ReplicaOptions, "clock" | "remember"> = {}) {
  const clock = handClock();
  const remember = { keyTtl: "1h", absentTtl: "1h" };
  // Of the clock's time, which passes fast while the test waits for Redis.
  return { clock, ...startReplica(t, { commandTimeout: "1h", ...options, clock, remember }) };
}

type HandReplica = Pick<ReturnType<typeof startHandReplica>, "cache"> & { readonly clock: HandClock };

/** A replica's beat is that long, and one that has heard itself for so long needs no time to hear of others. */
const BEAT_MS = 500;

/** Moves the clocks until each replica uses Redis, hears itself and knows all others. */
export async function untilWell(replicas: readonly HandReplica[]): Promise<void> {
  const isWell = ({ cache }: HandReplica): boolean =>
    cache.redisState?.heard === true && cache.redisState.shared;
  await until("replicas that are well", () => {
    for (const replica of replicas) if (!isWell(replica)) replica.clock.move(BEAT_MS);
    return replicas.every(isWell);
  });
  for (const { clock } of replicas) clock.move(BEAT_MS);
  for (const { cache } of replicas)
    await until("a replica that knows all others", async () => {
      const { peers, complete } = await cache.invalidate(["keys"], "purge");
      return complete && peers === replicas.length - 1;
    });
}
