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

type Beating = Pick<HandReplica, "cache" | "clock">;

/** Lets time pass until all of them use Redis and hear themselves. */
export async function passUntilShared(...replicas: readonly Beating[]): Promise<void> {
  const isWell = ({ cache }: Beating): boolean => cache.redisState?.heard === true && cache.redisState.shared;
  await until("replicas that use Redis and hear themselves", () => {
    if (replicas.every(isWell)) return true;
    beat(replicas);
    return false;
  });
  // One that has only just begun to hear waits for a while of its clock before it counts the others.
  await until("one more beat of each", () => beat(replicas));
}

/**
 * Moves each clock on by a beat where all replicas on it wait for their next. Before its last one is answered a replica
 * sends no other, and time that passes meanwhile would make it deaf. True where all clocks were moved.
 */
function beat(replicas: readonly Beating[]): boolean {
  const clocks = new Set(replicas.map(({ clock }) => clock));
  const on = (clock: HandClock): number => replicas.filter((replica) => replica.clock === clock).length;
  const ready = [...clocks].filter((clock) => clock.due(BEAT_MS) >= on(clock));
  for (const clock of ready) clock.move(BEAT_MS);
  return ready.length === clocks.size;
}

/** As `startReplica`, with time that stands still until the test moves it, so that nothing ends or expires by itself. */
export function startHandReplica(t: Test, options: Omit<ReplicaOptions, "clock" | "remember"> = {}) {
  const clock = handClock();
  const remember = { keyTtl: "1h", absentTtl: "1h" };
  // Of the clock's time, which passes fast while the test waits for Redis.
  return { clock, ...startReplica(t, { commandTimeout: "1h", ...options, clock, remember }) };
}

/** Moves the clocks until each replica uses Redis, hears itself and knows all others. */
export async function untilWell(replicas: readonly Beating[]): Promise<void> {
  await passUntilShared(...replicas);
  for (const { cache } of replicas)
    await until("a replica that knows all others", async () => {
      const { peers, complete } = await cache.invalidate(["keys"], "purge");
      return complete && peers === replicas.length - 1;
    });
}
