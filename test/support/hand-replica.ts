import type { Test } from "tap";
import { type ReplicaOptions, startReplica } from "./cache.ts";
import { type HandClock, handClock } from "./clock.ts";
import { sharing } from "./revocation.ts";
import { until } from "./until.ts";

/** The caches of one replica, in this process, on a clock that the test moves. */
export type HandReplica = ReturnType<typeof startReplica> & { readonly clock: HandClock };

/** A beat, by a replica's clock, in milliseconds. A replica that has heard itself for so long needs no time to hear of others. */
const BEAT_MS = 500;

/** Starts connecting to the Redis at `port`; see `startReplica`. Nothing ends by time until the clock is moved. */
export function handReplica(
  t: Test,
  port: number,
  { clock = handClock(), ...options }: ReplicaOptions & { readonly clock?: HandClock } = {},
): HandReplica {
  const env = sharing(`redis://127.0.0.1:${port}`);
  const patience = { commandTimeout: "1h", ackTimeout: "5s" };
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

/** Lets time pass until all of them use Redis. In the end each hears itself. */
export async function passUntilShared(...replicas: readonly HandReplica[]): Promise<void> {
  const clocks = new Set(replicas.map(({ clock }) => clock));
  await until("replicas to use Redis", () => {
    if (replicas.every(isShared)) return true;
    for (const clock of clocks) clock.move(BEAT_MS);
    return false;
  });
  for (const replica of replicas) await untilHeard(replica);
}

/** As `startReplica`, with time that stands still until the test moves it, so that nothing ends or expires by itself. */
export function startHandReplica(t: Test, options: Omit<ReplicaOptions, "clock" | "remember"> = {}) {
  const clock = handClock();
  const remember = { keyTtl: "1h", absentTtl: "1h" };
  // Of the clock's time, which passes fast while the test waits for Redis.
  return { clock, ...startReplica(t, { commandTimeout: "1h", ...options, clock, remember }) };
}

/** Moves the clocks until each replica uses Redis, hears itself and knows all others. */
export async function untilWell(replicas: readonly Pick<HandReplica, "cache" | "clock">[]): Promise<void> {
  const isWell = ({ cache }: Pick<HandReplica, "cache">): boolean =>
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
