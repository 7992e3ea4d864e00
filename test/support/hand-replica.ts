import type { Test } from "tap";
import { type ReplicaOptions, startReplica } from "./cache.ts";
import { type HandClock, handClock } from "./clock.ts";
import { sharing } from "./revocation.ts";
import { until } from "./until.ts";

/** The caches of one replica, in this process, on a clock that the test moves. */
export type HandReplica = ReturnType<typeof startReplica> & { readonly clock: HandClock };

/** A beat, by a replica's clock. */
const BEAT_MS = 500;

/** Starts connecting to the Redis at `port`; see `startReplica`. Nothing ends by time until the clock is moved. */
export function handReplica(
  t: Test,
  port: number,
  { clock = handClock(), ...options }: ReplicaOptions & { readonly clock?: HandClock } = {},
): HandReplica {
  const env = sharing(`redis://127.0.0.1:${port}`);
  const patience = { commandTimeout: "1h", ackTimeout: "1m" };
  // A limit for each second is one for all of a test in which no time passes.
  const remember = { lookupsPerSecond: 100_000, ...options.remember };
  return { ...startReplica(t, { env, ...patience, ...options, remember, clock }), clock };
}

/** Resolves when the replica hears its own messages. */
export async function untilHeard({ cache }: HandReplica): Promise<void> {
  await until("a replica to hear itself", () => cache.redisState?.heard === true);
}

/** True while the replica uses what it finds in Redis. */
export function isShared({ cache }: HandReplica): boolean {
  return cache.redisState?.shared === true;
}

/** Lets time pass until the replica uses Redis, and hears itself. */
export async function passUntilShared(replica: HandReplica): Promise<void> {
  await until("a replica to use Redis", () => {
    if (isShared(replica)) return true;
    replica.clock.move(BEAT_MS);
    return false;
  });
  await untilHeard(replica);
}
