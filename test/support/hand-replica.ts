import type { Test } from "tap";
import { type ReplicaOptions, startReplica } from "./cache.ts";
import { type HandClock, handClock } from "./clock.ts";
import { sharing } from "./revocation.ts";
import { until } from "./until.ts";

/** The caches of one replica, in this process, on a clock that the test moves. */
export type HandReplica = ReturnType<typeof startReplica> & { readonly clock: HandClock };

/**
 * The interval of a replica's heartbeats, by its clock, in milliseconds. A replica that receives its own
 * messages needs no other time to detect others.
 */
const BEAT_MS = 500;

/** Connects to the Redis at `port`; see `startReplica`. Nothing times out until the test moves the clock. */
export function handReplica(
  t: Test,
  port: number,
  { clock = handClock(), ...options }: ReplicaOptions & { readonly clock?: HandClock } = {},
): HandReplica {
  const env = sharing(`redis://127.0.0.1:${port}`);
  const patience = { commandTimeout: "1h", ackTimeout: "5s" };
  // On a clock that stands still, a limit per second is a limit for the whole test.
  const remember = { lookupsPerSecond: 100_000, ...options.remember };
  return { ...startReplica(t, { env, ...patience, ...options, remember, clock }), clock };
}

/** Resolves when the replica receives its own messages. */
export async function untilHeard({ cache }: HandReplica): Promise<void> {
  await until("a replica to receive its own messages", () => cache.redisState?.heard === true);
}

/** True while the replica uses the entries in Redis. */
export function isShared({ cache }: HandReplica): boolean {
  return cache.redisState?.shared === true;
}

type Beating = Pick<HandReplica, "cache" | "clock">;

/** Moves the clocks until all replicas use Redis and receive their own messages. */
export async function passUntilShared(...replicas: readonly Beating[]): Promise<void> {
  const isWell = ({ cache }: Beating): boolean => cache.redisState?.heard === true && cache.redisState.shared;
  await until("replicas that use Redis and receive their own messages", () => {
    if (replicas.every(isWell)) return true;
    beat(replicas);
    return false;
  });
  // A new subscriber waits for some time of its clock before it counts the others.
  await until("one more heartbeat of each", () => beat(replicas));
}

/**
 * Moves each clock by one heartbeat if all replicas on it wait for their next. A replica sends no heartbeat
 * before its last one has returned, and if time passed meanwhile, it would consider itself cut off. True if
 * it moved all clocks.
 */
function beat(replicas: readonly Beating[]): boolean {
  const clocks = new Set(replicas.map(({ clock }) => clock));
  const on = (clock: HandClock): number => replicas.filter((replica) => replica.clock === clock).length;
  const ready = [...clocks].filter((clock) => clock.due(BEAT_MS) >= on(clock));
  for (const clock of ready) clock.move(BEAT_MS);
  return ready.length === clocks.size;
}

/**
 * Like `startReplica`, on a clock that stands still until the test moves it, so nothing times out or expires.
 */
export function startHandReplica(t: Test, options: Omit<ReplicaOptions, "clock" | "remember"> = {}) {
  const clock = handClock();
  const remember = { keyTtl: "1h", absentTtl: "1h" };
  // The timeout uses the clock, which passes fast while the test waits for Redis.
  return { clock, ...startReplica(t, { commandTimeout: "1h", ...options, clock, remember }) };
}

/** Moves the clocks until each replica uses Redis, receives its own messages and has detected all others. */
export async function untilWell(replicas: readonly Beating[]): Promise<void> {
  await passUntilShared(...replicas);
  for (const { cache } of replicas)
    await until("a replica that has detected all others", async () => {
      const { peers, complete } = await cache.invalidate(["keys"], "purge");
      return complete && peers === replicas.length - 1;
    });
}
